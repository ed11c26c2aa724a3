"""Proof that a request which changes something comes from one of our own pages.

Only requests that a browser signs in by itself (the session cookie) need it; a bearer token is proof
enough, since no foreign page can attach one. Two proofs count:

- the token of `csrf_token`, in the header `X-Forewarn-CSRF` or in the form field `csrf`;
- the browser's own word, `Sec-Fetch-Site: same-origin`, which pages can't forge (browsers send it
  over HTTPS and to localhost, not over plain HTTP to another host: hence the token).

Its word to the contrary refuses the request whatever else it carries.
"""

from __future__ import annotations

import hashlib
import hmac

from server.kit.errors import Forbidden

CSRF_HEADER = "X-Forewarn-CSRF"
CSRF_FIELD = "csrf"

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_PURPOSE = b"forewarn csrf v1"


def csrf_token(session_token: str) -> str:
    """The proof that belongs to a session; it tells nothing about the session's own token."""
    return hmac.new(session_token.encode(), _PURPOSE, hashlib.sha256).hexdigest()


def check_csrf(
    *,
    method: str,
    session_token: str,
    proof: str | None,
    sec_fetch_site: str | None,
) -> None:
    """Raises Forbidden for an unsafe method without a proof; `proof` is the header's or field's text."""
    if method.upper() in SAFE_METHODS:
        return
    check_origin(sec_fetch_site)
    if sec_fetch_site == "same-origin":
        return
    expected = csrf_token(session_token).encode()
    if proof is None or not hmac.compare_digest(proof.encode("utf-8", "replace"), expected):
        raise Forbidden("this request did not come from our page; reload the page and try again")


def check_origin(sec_fetch_site: str | None) -> None:
    """Raises Forbidden where the browser says that a foreign page sent this.

    All that can be checked where there is no session yet: on the sign-in form.
    """
    if sec_fetch_site not in {None, "same-origin", "none"}:
        raise Forbidden("this request came from another site")

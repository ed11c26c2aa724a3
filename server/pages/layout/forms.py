"""Every form of a page carries a token that only our own pages could have written (CSRF)."""

from __future__ import annotations

import hmac
from urllib.parse import urlsplit

from fastapi import Depends
from starlette.requests import Request
from starlette.responses import RedirectResponse

from server.kit.errors import Forbidden
from server.pages.language.reader import CSRF_COOKIE
from server.pages.layout.flash import COOKIE, LIFETIME_S, Said

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
FIELD = "csrf"


async def verify_csrf(request: Request) -> None:
    """Dependency of every router of pages: raises Forbidden for a form that is not from here."""
    if request.method in SAFE_METHODS:
        return
    if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        raise Forbidden("this form was sent from another site")
    cookie = request.cookies.get(CSRF_COOKIE, "")
    sent = (await request.form()).get(FIELD, "")
    if not cookie or not isinstance(sent, str):
        raise Forbidden("this form has expired: open the page again and send it once more")
    if not hmac.compare_digest(cookie.encode(), sent.encode()):
        raise Forbidden("this form has expired: open the page again and send it once more")


CSRF = Depends(verify_csrf)


def see(path: str, said: Said | None = None) -> RedirectResponse:
    """After a form was taken: show `path` by GET, so that a reload does not send it again.

    `said` is told there once.
    """
    response = RedirectResponse(path, status_code=303)
    if said is not None:
        response.set_cookie(COOKIE, said, max_age=LIFETIME_S, httponly=True, samesite="lax")
    return response


def local_path(target: str, default: str = "/") -> str:
    """`target` if it is a path on this server, else `default`: no redirect leads away from here."""
    parts = urlsplit(target)
    local = target.startswith("/") and not target.startswith(("//", "/\\"))
    clean = all(c.isprintable() for c in target)
    return target if local and clean and not parts.scheme and not parts.netloc else default

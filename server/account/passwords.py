"""Passwords: what is accepted, and argon2 over it."""

from __future__ import annotations

import unicodedata
from functools import cache
from threading import BoundedSemaphore

from pwdlib import PasswordHash
from pwdlib.exceptions import PwdlibError

from server.kit.errors import BadInput, TooManyRequests

MIN_PASSWORD = 10
MAX_PASSWORD = 1000
"""A cap only so that nobody makes the server hash megabytes."""

HASHES_AT_ONCE = 4
"""Each takes 64 MiB for a moment: a flood of sign-ins must not take the machine's memory."""
_WAIT_S = 3.0

_HASHER = PasswordHash.recommended()
_SLOTS = BoundedSemaphore(HASHES_AT_ONCE)


def hash_password(password: str) -> str:
    """An argon2 hash; raises BadInput for a password that is too short, too long or not text."""
    if len(password) < MIN_PASSWORD:
        raise BadInput("password", f"must have at least {MIN_PASSWORD} characters")
    if len(password) > MAX_PASSWORD:
        raise BadInput("password", f"must have at most {MAX_PASSWORD} characters")
    if len(set(password)) == 1:
        raise BadInput("password", "must not be one character repeated")
    normal = _normal(password)
    if normal is None:
        raise BadInput("password", "holds something that is not a character")
    return _HASHER.hash(normal)


def verify_password(password: str, password_hash: str | None) -> tuple[bool, str | None]:
    """(right?, a fresh hash where today's parameters are stronger than the stored one's).

    Takes as long for a missing hash as for a wrong password. Raises TooManyRequests while many others
    are checked.
    """
    normal = _normal(password[: MAX_PASSWORD + 1])
    if normal is None or len(password) > MAX_PASSWORD:
        normal = ""  # never accepted: it is shorter than any stored password
    if not _SLOTS.acquire(timeout=_WAIT_S):
        raise TooManyRequests(
            "many people are signing in; try again shortly", retry_after_s=_WAIT_S
        )
    try:
        right, fresh = _HASHER.verify_and_update(normal, password_hash or _nobodys_hash())
    except PwdlibError:  # a damaged hash opens nothing
        return False, None
    finally:
        _SLOTS.release()
    return (right and password_hash is not None), fresh


@cache
def _nobodys_hash() -> str:
    return _HASHER.hash("the password of a user who does not exist")


def _normal(password: str) -> str | None:
    # One keyboard sends й as one code point, another as two: both must sign in.
    normal = unicodedata.normalize("NFC", password)
    try:
        normal.encode()
    except UnicodeEncodeError:
        return None
    return normal

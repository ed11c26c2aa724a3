"""The server's one error tree; every leaf knows the HTTP status it becomes (RFC 9457).

ForewarnError
├── BadInput            422  a field is refused: which one, and why
├── NotSignedIn         401  who are you?
├── Forbidden           403  we know you, and you may not
├── NotFound            404  it does not exist, or not for you
├── Conflict            409  the thing's present state does not allow it
├── TooManyRequests     429  slow down: how long to wait
└── CannotStart         500  the program can't run here: what to do about it
    ├── DataDirectoryError   not writable, from a newer version, in use by another instance
    ├── PortInUse
    └── ConfigurationError   an unknown key, a value out of range
"""

from __future__ import annotations

from typing import ClassVar


class ForewarnError(Exception):
    """Root of the tree; raise a leaf, whose message is fit to be shown to the person who caused it."""

    status: ClassVar[int] = 500
    title: ClassVar[str] = "Something went wrong"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class BadInput(ForewarnError):
    """A value from outside is refused; `field` names it in the caller's own words."""

    status = 422
    title = "Refused input"

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


class NotSignedIn(ForewarnError):
    status = 401
    title = "Sign-in needed"


class Forbidden(ForewarnError):
    status = 403
    title = "Not allowed"


class NotFound(ForewarnError):
    status = 404
    title = "Not found"


class Conflict(ForewarnError):
    status = 409
    title = "Not possible now"


class TooManyRequests(ForewarnError):
    status = 429
    title = "Too many tries"

    def __init__(self, message: str, *, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class CannotStart(ForewarnError):
    """The program can't run as asked; the message says what to do, and the command exits with 2."""


class DataDirectoryError(CannotStart):
    pass


class PortInUse(CannotStart):
    pass


class ConfigurationError(CannotStart):
    pass

"""Who looks at a page, and how they like it: language, time zone, colours."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Literal, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel import Locale
from babel.core import negotiate_locale
from starlette.requests import Request

from server.account.viewer import Role, Viewer

LANGUAGES = {"en": "English", "pl": "Polski", "ru": "Русский"}
"""Each language in its own name, in the order they are offered."""

Audience = Literal["bare", "owner", "technician", "staff"]
_AUDIENCE: dict[Role, Audience] = {
    Role.OWNER: "owner",
    Role.TECHNICIAN: "technician",
    Role.STAFF: "staff",
    Role.ADMIN: "staff",
}

THEMES = ("auto", "light", "dark")
Theme = Literal["auto", "light", "dark"]

LANGUAGE_COOKIE = "language"
THEME_COOKIE = "theme"
TIMEZONE_COOKIE = "timezone"
CSRF_COOKIE = "csrf"


@dataclass(frozen=True, slots=True)
class Reader:
    """Everything a template may ask about its reader."""

    language: str
    locale: Locale
    timezone: tzinfo
    theme: Theme
    now: datetime
    csrf: str
    user: Viewer | None = None

    @property
    def tag(self) -> str:
        """The language as a browser names it."""
        territory = self.locale.territory
        return f"{self.language}-{territory}" if territory else self.language

    @property
    def audience(self) -> Audience:
        if self.user is None:
            return "bare"
        return _AUDIENCE[self.user.role]


def reader_of(request: Request, *, now: datetime, user: Viewer | None) -> Reader:
    """The reader behind `request`; cookies that make no sense are ignored."""
    accepted = _accepted_languages(request.headers.get("accept-language", ""))
    language = _language(request.cookies.get(LANGUAGE_COOKIE), user, accepted)
    theme = request.cookies.get(THEME_COOKIE, "auto")
    return Reader(
        language=language,
        locale=_locale(language, accepted),
        timezone=_timezone(request.cookies.get(TIMEZONE_COOKIE)),
        theme=cast("Theme", theme) if theme in THEMES else "auto",
        now=now,
        csrf=csrf_token(request),
        user=user,
    )


def csrf_token(request: Request) -> str:
    """The token in the request's cookie, or a new one, the same for the whole request."""
    known = request.cookies.get(CSRF_COOKIE, "")
    if len(known) >= 32 and known.isascii():
        return known
    if not hasattr(request.state, "csrf"):
        request.state.csrf = secrets.token_urlsafe(32)
    return cast("str", request.state.csrf)


def _language(cookie: str | None, user: Viewer | None, accepted: list[str]) -> str:
    for choice in (cookie, user.language if user else None):
        if choice in LANGUAGES:
            return choice
    return negotiate_locale(accepted, list(LANGUAGES), sep="-") or "en"


def _locale(language: str, accepted: list[str]) -> Locale:
    # English dates are day first unless the browser says otherwise.
    if language == "en":
        return Locale("en", "US" if accepted[:1] == ["en-us"] else "GB")
    return Locale(language)


def _accepted_languages(header: str) -> list[str]:
    """Language tags of an Accept-Language header, best first; malformed parts are skipped."""
    weighted: list[tuple[float, str]] = []
    for part in header[:200].split(","):
        tag, _, weight = part.strip().lower().partition(";q=")
        try:
            quality = float(weight) if weight else 1.0
        except ValueError:
            continue
        if tag.replace("-", "").isalnum() and quality > 0:
            weighted.append((-quality, tag))
    return [tag for _, tag in sorted(weighted, key=lambda pair: pair[0])]


def _timezone(name: str | None) -> tzinfo:
    if not name or len(name) > 64:
        return UTC
    try:
        return ZoneInfo(name.replace("%2F", "/"))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC

"""What a form has done, said once on the page that follows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from starlette.requests import Request

from server.pages.language.translations import N_, translations

COOKIE = "said"
LIFETIME_S = 30

Said = Literal[
    "account_added",
    "account_shut",
    "assigned",
    "asked_device",
    "cancelled",
    "changed",
    "feedback",
    "planned",
    "revoked",
    "sent",
]

_TEXTS: dict[str, str] = {
    "account_added": N_("The account is there. Give the person the password."),
    "account_shut": N_("The account is shut."),
    "assigned": N_("Assigned."),
    "asked_device": N_("The device was asked. If it is not connected, the question waits for it."),
    "cancelled": N_("The visit is cancelled, and the owner is told."),
    "changed": N_("Changed."),
    "feedback": N_("Thank you. Your answer is noted."),
    "planned": N_("Planned, and the owner is told."),
    "revoked": N_("The device is out of service."),
    "sent": N_("Sent."),
}


@dataclass(frozen=True, slots=True)
class Flash:
    text: str
    tone: str = "good"


def flash_of(request: Request, language: str) -> Flash | None:
    """What there is to say; a page that fetches a part of itself leaves it for the reader."""
    text = _TEXTS.get(request.cookies.get(COOKIE, ""))
    if text is None or "hx-request" in request.headers:
        return None
    return Flash(translations(language).gettext(text))

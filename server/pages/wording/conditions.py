"""How a device is, in one sentence: what an owner reads at a glance."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from server.device.model import Device
from server.incident.model import Incident
from server.incident.states import IncidentState
from server.pages.language.formatting import day_and_time
from server.pages.language.reader import Reader
from server.pages.language.translations import translations
from server.pages.wording.findings import FindingLike, headline

QUIET_TOO_LONG = timedelta(minutes=15)
"""Without a word for so long, "runs as it should" is more than is known."""


@dataclass(frozen=True, slots=True)
class Condition:
    """`tone` and `icon` repeat what `sentence` says."""

    tone: str
    icon: str
    sentence: str
    detail: str = ""


class Leading(Protocol):
    """A case with its leading finding."""

    @property
    def incident(self) -> Incident: ...
    @property
    def finding(self) -> FindingLike: ...


def condition(reader: Reader, device: Device, case: Leading | None) -> Condition:
    gettext = translations(reader.language).gettext
    if device.revoked_at is not None:
        return Condition("quiet", "power", gettext("This device was taken out of service."))
    if case is not None and case.incident.state is IncidentState.OPEN:
        tone = "bad" if case.incident.severity >= 0.6 else "warn"
        return Condition(tone, "triangle-alert", headline(reader, case.finding))
    if case is not None:
        return Condition(
            "notice",
            "eye",
            gettext("It is back to normal. We keep an eye on it for a while."),
            headline(reader, case.finding),
        )
    if device.last_seen_at is None:
        return Condition("quiet", "clock", gettext("We wait for its first report."))
    silent = reader.now - device.last_seen_at > QUIET_TOO_LONG
    if not device.online or silent:
        return Condition(
            "quiet",
            "wifi-off",
            gettext("It is not connected. Last report: %(time)s.")
            % {"time": day_and_time(reader, device.last_seen_at)},
        )
    return Condition("good", "circle-check", gettext("It runs as it should."))

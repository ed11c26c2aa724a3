"""What happened to a device as lanes on the charts' time axis, in the reader's language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from server.detection.model import FindingRecord
from server.insight.timeline import TimelineItem
from server.pages.language.reader import Reader
from server.pages.language.translations import N_, translations
from server.pages.wording.cases import tone, word
from server.pages.wording.findings import headline
from server.pages.wording.forecasts import forecast_shortly, told_of
from server.pages.wording.metrics import component_name

LANES = {
    "finding": N_("Findings"),
    "incident": N_("Cases"),
    "ticket": N_("Tickets"),
    "visit": N_("Visits"),
    "command": N_("Commands"),
    "reboot": N_("Restarts"),
    "firmware": N_("Firmware"),
    "event": N_("Other events"),
}
MOST_IN_LANE = 200


@dataclass(frozen=True, slots=True)
class Entry:
    """A span, or an instant where `until_s` is None; "" means that it still lasts."""

    at: datetime
    at_s: float
    until_s: float | str | None
    text: str
    tone: str
    href: str | None


@dataclass(frozen=True, slots=True)
class Lane:
    name: str
    entries: list[Entry] = field(default_factory=list)


def lanes(
    reader: Reader, items: Sequence[TimelineItem], findings: Mapping[str, FindingRecord]
) -> list[Lane]:
    """Those with something in them, in their fixed order; the newest entries where there are many."""
    gettext = translations(reader.language).gettext
    found = {kind: Lane(gettext(name)) for kind, name in LANES.items()}
    foreseen = {finding.id: finding for finding in told_of(findings.values())}
    for item in items:
        text, colour = _words(reader, item, findings)
        if item.kind == "finding" and (finding := foreseen.get(_key(item))):
            text = f"{text} → {forecast_shortly(reader, finding)}"
        until: float | str | None = None
        if item.until is not None:
            until = item.until.timestamp()
        elif item.lasts:
            until = ""
        entry = Entry(item.at, item.at.timestamp(), until, text, colour, _href(item))
        found[item.kind].entries.append(entry)
    for lane in found.values():
        del lane.entries[:-MOST_IN_LANE]
    return [lane for lane in found.values() if lane.entries]


def _words(
    reader: Reader, item: TimelineItem, findings: Mapping[str, FindingRecord]
) -> tuple[str, str]:
    match item.kind:
        case "finding":
            finding = findings.get(_key(item))
            severe = item.facts.get("severity", 0) >= 0.6
            text = headline(reader, finding) if finding else item.title
            return text, "bad" if severe else "warn"
        case "incident":
            part = component_name(translations(reader.language), str(item.facts["component"]))
            state = word(reader, "incident_state", item.code)
            return f"{part}: {state}", tone("incident_state", item.code)
        case "ticket":
            return f"#{item.ref.partition(':')[2]} {word(reader, 'ticket_state', item.code)}", tone(
                "ticket_state", item.code
            )
        case "visit":
            verdict = item.facts.get("verdict")
            said = word(reader, "verdict", verdict) if verdict else None
            return said or word(reader, "job_state", item.code), tone("job_state", item.code)
        case "command":
            status = word(reader, "command_state", item.code)
            role = item.facts["requested_role"]
            by = f" · {word(reader, 'role', role)}" if role else ""
            return f"{item.facts['name']}: {status}{by}", tone("command_state", item.code)
        case _:
            said = word(reader, "device_event", item.code)
            detail = _detail(item)
            return said + (f" ({detail})" if detail else ""), tone("device_event", item.code)


def _key(item: TimelineItem) -> str:
    return item.ref.partition(":")[2]


def _detail(item: TimelineItem) -> str:
    """Of a device's own event, what a person wants to know."""
    if item.kind == "reboot":
        return str(item.facts.get("reason", ""))
    if item.kind == "firmware":
        return _firmware(item.facts)
    return item.detail[:100]


def _firmware(facts: Mapping[str, Any]) -> str:
    """Which versions, how far, or why not; and of which microcontroller, where it is one behind the device."""
    said = str(facts.get("reason") or "")[:100]
    if "after" in facts:
        said = f"{facts.get('before', '')} → {facts['after']}"
    elif "share" in facts:
        said = f"{float(facts['share']):.0%}"
    return ": ".join(filter(None, (str(facts.get("name") or ""), said)))


def _href(item: TimelineItem) -> str | None:
    kind, _, key = item.ref.partition(":")
    return {"ticket": f"/staff/tickets/{key}", "job": f"/staff/jobs/{key}"}.get(kind)

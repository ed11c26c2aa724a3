"""Everything that happened to a device, as one list on one time axis."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from server.command import repository as commands
from server.command.model import Command
from server.detection import repository as detection
from server.device import repository as devices
from server.incident import repository as incidents
from server.job import repository as jobs
from server.job.model import Job
from server.ticket import repository as tickets

UPDATE = "firmware_update_"
"""What the kinds of an agent's events on new firmware for a microcontroller begin with."""
MAX_OF_A_KIND = 1_000
"""Device events and commands beyond this are left out, the oldest first."""


@dataclass(frozen=True, slots=True)
class TimelineItem:
    """One thing on the axis: an instant (`until` None and not `lasts`) or a span.

    `kind`: finding, incident, ticket, visit, command, reboot, firmware or event. `code` says which of
    its kind (a finding's kind, a state, an event's kind) for whoever speaks another language than
    `title` and `detail`, which are English. `ref`: `kind:id`.
    """

    at: datetime
    until: datetime | None
    lasts: bool
    """A span that has not ended yet where `until` is None."""
    kind: str
    code: str
    title: str
    detail: str
    facts: dict[str, Any]
    ref: str


def timeline(
    session: Session, device_id: str, *, since: datetime, until: datetime
) -> list[TimelineItem]:
    """What touches [since, until), in order of time. The caller has checked that the viewer may see."""
    sources = (
        _findings(session, device_id, since, until),
        _incidents(session, device_id, since, until),
        _tickets(session, device_id, since, until),
        _visits(session, device_id, since, until),
        _events(session, device_id, since, until),
        _commands(session, device_id, since, until),
    )
    items = [item for source in sources for item in source]
    return sorted(items, key=lambda item: (item.at, item.kind, item.ref))


def _findings(
    session: Session, device_id: str, since: datetime, until: datetime
) -> Iterator[TimelineItem]:
    for row in detection.findings_of(session, device_id, since=since, until=until):
        yield TimelineItem(
            at=row.onset_at,
            until=row.ended_at,
            lasts=True,
            kind="finding",
            code=row.kind,
            title=_words(row.kind, _listed(row.metrics)),
            detail=f"{row.sentence} {row.forecast['sentence']}" if row.forecast else row.sentence,
            facts={
                "metrics": list(row.metrics),
                "severity": row.severity,
                "confidence": row.confidence,
                "detected_s": row.detected_at.timestamp(),
                "forecast": row.forecast,
            },
            ref=f"finding:{row.id}",
        )


def _incidents(
    session: Session, device_id: str, since: datetime, until: datetime
) -> Iterator[TimelineItem]:
    for row in incidents.incidents_touching(session, device_id, since=since, until=until):
        yield TimelineItem(
            at=row.onset_at,
            until=row.recovered_at,
            lasts=True,
            kind="incident",
            code=row.state,
            title=_words("Case:", row.kind, row.component),
            detail=f"{row.state}, severity {row.severity:.0%}",
            facts={
                "kind": row.kind,
                "component": row.component,
                "severity": row.severity,
                "opened_s": row.opened_at.timestamp(),
                "reopened_count": row.reopened_count,
            },
            ref=f"incident:{row.id}",
        )


def _tickets(
    session: Session, device_id: str, since: datetime, until: datetime
) -> Iterator[TimelineItem]:
    for row in tickets.tickets_touching(session, device_id, since=since, until=until):
        yield TimelineItem(
            at=row.opened_at,
            until=row.closed_at,
            lasts=True,
            kind="ticket",
            code=row.state,
            title=f"Ticket {row.id}: {row.subject or _words(row.subject_code or '')}",
            detail=f"{row.state}, priority {row.priority}",
            facts={"priority": row.priority, "kind": row.kind, "subject_code": row.subject_code},
            ref=f"ticket:{row.id}",
        )


def _visits(
    session: Session, device_id: str, since: datetime, until: datetime
) -> Iterator[TimelineItem]:
    for row in jobs.visits_touching(session, device_id, since=since, until=until):
        yield TimelineItem(
            at=row.started_at or row.planned_for or row.created_at,
            until=row.finished_at,
            lasts=row.started_at is not None,
            kind="visit",
            code=row.state,
            title=f"Visit: {row.state.replace('_', ' ')}",
            detail=_found(row),
            facts={"verdict": row.verdict, "component": row.component, "action": row.action},
            ref=f"job:{row.id}",
        )


def _events(
    session: Session, device_id: str, since: datetime, until: datetime
) -> Iterator[TimelineItem]:
    kinds = {"reboot": "reboot", "firmware_changed": "firmware"}
    rows = devices.events(session, device_id, since=since, until=until, limit=MAX_OF_A_KIND)
    for row in rows:
        yield TimelineItem(
            at=row.at,
            until=None,
            lasts=False,
            kind="firmware" if row.kind.startswith(UPDATE) else kinds.get(row.kind, "event"),
            code=row.kind,
            title=_words(row.kind),
            detail=", ".join(f"{key}: {value}" for key, value in row.detail.items()),
            facts=dict(row.detail),
            ref=f"event:{row.id}",
        )


def _commands(
    session: Session, device_id: str, since: datetime, until: datetime
) -> Iterator[TimelineItem]:
    rows = commands.between(session, device_id, since=since, until=until, limit=MAX_OF_A_KIND)
    for row in rows:
        yield TimelineItem(
            at=row.created_at,
            until=row.finished_at,
            lasts=True,
            kind="command",
            code=row.status,
            title=f"Command: {row.name}",
            detail=_words(row.status, f"asked for by {_asker(row)}"),
            facts={"name": row.name, "requested_role": row.requested_role},
            ref=f"command:{row.id}",
        )


def _asker(command: Command) -> str:
    return str(command.requested_role or "nobody known")


def _found(job: Job) -> str:
    if job.verdict is None:
        return ""
    return ", ".join(filter(None, (_words(job.verdict), job.component, job.action)))


def _listed(names: Iterable[object]) -> str:
    return ", ".join(map(str, names))


def _words(*codes: str) -> str:
    """Codes as words: `level_shift` is “Level shift”."""
    text = " ".join(code.replace("_", " ") for code in codes if code)
    return text[:1].upper() + text[1:]

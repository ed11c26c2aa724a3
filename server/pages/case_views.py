"""A ticket with all that a page says of it, gathered once for every audience."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.account import repository as accounts
from server.account.model import User
from server.detection.model import FindingRecord
from server.device import repository as devices
from server.device.model import Device
from server.incident import repository as incidents
from server.incident.model import Incident
from server.ticket import repository as tickets
from server.ticket.model import Ticket

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class CaseView:
    """One row of a list: the ticket and what stands behind it."""

    ticket: Ticket
    device: Device | None
    incident: Incident | None
    finding: FindingRecord | None
    """The case's leading finding."""
    assignee: User | None


@dataclass(frozen=True, slots=True)
class OpenCase:
    """An active case of a device, with its ticket if there is one yet."""

    incident: Incident
    finding: FindingRecord
    ticket: Ticket | None


def case_views(session: Session, rows: Sequence[Ticket]) -> list[CaseView]:
    """In the order of `rows`; a handful of queries, however many rows."""
    incident_by_id = _by_id(session, Incident, {t.incident_id for t in rows if t.incident_id})
    finding_by_id = _by_id(
        session, FindingRecord, {i.leading_finding_id for i in incident_by_id.values()}
    )
    device_by_id = devices.by_ids(session, {t.device_id for t in rows})
    people = accounts.users_by_ids(session, {t.assignee_id for t in rows if t.assignee_id})
    views = []
    for ticket in rows:
        incident = incident_by_id.get(ticket.incident_id) if ticket.incident_id else None
        views.append(
            CaseView(
                ticket,
                device_by_id.get(ticket.device_id),
                incident,
                finding_by_id.get(incident.leading_finding_id) if incident else None,
                people.get(ticket.assignee_id) if ticket.assignee_id else None,
            )
        )
    return views


def open_cases(session: Session, device_ids: Collection[str]) -> Mapping[str, OpenCase]:
    """The worst active case of each device that has one."""
    active = incidents.active_on_devices(session, device_ids)
    finding_by_id = _by_id(session, FindingRecord, {i.leading_finding_id for i in active})
    ticket_by_incident = tickets.tickets_of_incidents(session, [i.id for i in active])
    worst: dict[str, OpenCase] = {}
    for incident in active:  # worst first
        finding = finding_by_id[incident.leading_finding_id]
        case = OpenCase(incident, finding, ticket_by_incident.get(incident.id))
        known = worst.get(incident.device_id)
        # One that is open counts more than one that has recovered, however bad that was.
        if known is None or (known.incident.state != "open" and incident.state == "open"):
            worst[incident.device_id] = case
    return worst


def ranked(findings: Iterable[FindingRecord]) -> list[FindingRecord]:
    """What lasts first, the worst of it first; then what is over, the newest first."""
    return sorted(
        findings,
        key=lambda f: (
            f.ended_at is not None,
            -f.severity if f.ended_at is None else 0.0,
            -f.onset_at.timestamp(),
        ),
    )


def _by_id(session: Session, table: type[T], keys: Collection[Any]) -> dict[Any, T]:
    """Rows of a table with a column `id`, in one query."""
    if not keys:
        return {}
    column = cast("Any", table).id
    return {
        cast("Any", row).id: row for row in session.scalars(select(table).where(column.in_(keys)))
    }

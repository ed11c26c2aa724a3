"""The only SQL on incidents."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.detection.model import FindingRecord
from server.device.model import Device
from server.incident.model import Incident, IncidentFinding
from server.incident.states import ACTIVE, IncidentState


def incident_by_id(session: Session, incident_id: int) -> Incident | None:
    return session.get(Incident, incident_id)


def link_of(session: Session, finding_id: str) -> IncidentFinding | None:
    return session.get(IncidentFinding, finding_id)


def active_on(session: Session, device_id: str) -> Sequence[Incident]:
    """Open and watched cases of a device, oldest first."""
    return session.scalars(
        select(Incident)
        .where(Incident.device_id == device_id, Incident.state.in_(ACTIVE))
        .order_by(Incident.id)
    ).all()


def active_on_devices(session: Session, device_ids: Collection[str]) -> Sequence[Incident]:
    """Open and watched cases of these devices, worst first."""
    return session.scalars(
        select(Incident)
        .where(Incident.device_id.in_(device_ids), Incident.state.in_(ACTIVE))
        .order_by(Incident.severity.desc(), Incident.id)
    ).all()


def members(session: Session, incident_id: int) -> Sequence[tuple[IncidentFinding, FindingRecord]]:
    """The case's findings with their links, oldest onset first."""
    rows = session.execute(
        select(IncidentFinding, FindingRecord)
        .join(FindingRecord, FindingRecord.id == IncidentFinding.finding_id)
        .where(IncidentFinding.incident_id == incident_id)
        .order_by(FindingRecord.onset_at, FindingRecord.id)
    )
    return [(row[0], row[1]) for row in rows]


def last_closed(
    session: Session, device_id: str, component: str, *, recovered_since: datetime
) -> Incident | None:
    return session.scalar(
        select(Incident)
        .where(
            Incident.device_id == device_id,
            Incident.component == component,
            Incident.state == IncidentState.CLOSED,
            Incident.recovered_at >= recovered_since,
        )
        .order_by(Incident.id.desc())
        .limit(1)
    )


def watched_until(session: Session, time: datetime) -> Sequence[Incident]:
    """Watched cases whose watch has ended by `time`."""
    return session.scalars(
        select(Incident)
        .where(Incident.state == IncidentState.RECOVERING, Incident.watch_until <= time)
        .order_by(Incident.id)
    ).all()


def incidents(
    session: Session,
    *,
    owner_id: int | None = None,
    states: Collection[IncidentState] = (),
    device_id: str | None = None,
    before_id: int | None = None,
    limit: int = 50,
) -> Sequence[Incident]:
    """Newest first; `owner_id` keeps to the devices that he owns now."""
    query = select(Incident).order_by(Incident.id.desc()).limit(limit)
    if owner_id is not None:
        query = query.join(Device, Device.id == Incident.device_id).where(
            Device.owner_id == owner_id
        )
    if states:
        query = query.where(Incident.state.in_(states))
    if device_id is not None:
        query = query.where(Incident.device_id == device_id)
    if before_id is not None:
        query = query.where(Incident.id < before_id)
    return session.scalars(query).all()


def incidents_touching(
    session: Session, device_id: str, *, since: datetime, until: datetime
) -> Sequence[Incident]:
    """Cases of a device whose problem touches [since, until), oldest first."""
    return session.scalars(
        select(Incident)
        .where(
            Incident.device_id == device_id,
            Incident.onset_at < until,
            Incident.recovered_at.is_(None) | (Incident.recovered_at >= since),
        )
        .order_by(Incident.onset_at, Incident.id)
    ).all()

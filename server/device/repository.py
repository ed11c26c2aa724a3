"""The only SQL on devices."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, and_, bindparam, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session, aliased

from server.device.model import Device, DeviceEnrolment, DeviceEventRecord

_CLOCKS_APART = timedelta(minutes=1)
"""So far may the clock that stamps arrivals be ahead of ours."""


def by_id(session: Session, device_id: str) -> Device | None:
    return session.get(Device, device_id)


def by_ids(session: Session, device_ids: Collection[str]) -> dict[str, Device]:
    if not device_ids:
        return {}
    rows = session.scalars(select(Device).where(Device.id.in_(device_ids)))
    return {device.id: device for device in rows}


def page(
    session: Session,
    *,
    owner_id: int | None,
    text: str,
    after: str | None,
    limit: int,
) -> Sequence[Device]:
    """Devices in order of id, after the id `after`; `owner_id` None: whoever owns them."""
    query = select(Device).where(*_matching(owner_id, text)).order_by(Device.id).limit(limit)
    if after is not None:
        query = query.where(Device.id > after)
    return session.scalars(query).all()


def count(session: Session, *, owner_id: int | None, text: str = "") -> int:
    query = select(func.count()).select_from(Device).where(*_matching(owner_id, text))
    return session.scalar(query) or 0


def _matching(owner_id: int | None, text: str) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if owner_id is not None:
        conditions.append(Device.owner_id == owner_id)
    if text:
        columns = (Device.id, Device.name, Device.model, Device.site)
        conditions.append(or_(*(c.icontains(text, autoescape=True) for c in columns)))
    return conditions


def active_ids(session: Session, device_ids: Collection[str] | None) -> frozenset[str]:
    """Those of `device_ids` (None: of all) that are on record and not revoked."""
    query = select(Device.id).where(Device.revoked_at.is_(None))
    if device_ids is not None:
        query = query.where(Device.id.in_(device_ids))
    return frozenset(session.scalars(query))


def reachable() -> ColumnElement[bool]:
    """Devices worth sending to: online, or of a kind that never says whether it is."""
    return and_(or_(Device.online, Device.state_at.is_(None)), Device.revoked_at.is_(None))


def is_reachable(session: Session, device_id: str) -> bool:
    found = session.scalar(select(Device.id).where(Device.id == device_id, reachable()))
    return found is not None


def secret_hash(session: Session, device_id: str) -> str | None:
    """Of a device that may connect; one read by primary key, no entity built."""
    return session.scalar(
        select(Device.secret_hash).where(Device.id == device_id, Device.revoked_at.is_(None))
    )


class Admission(NamedTuple):
    """What decides whether a device may connect, and what it may reach then."""

    secret_hash: str
    topics: tuple[str, ...]
    paused_until: datetime | None


def admission(session: Session, device_id: str) -> Admission | None:
    """Of a device that is not revoked; one read by primary key."""
    query = select(Device.secret_hash, Device.topics, Device.paused_until)
    row = session.execute(query.where(Device.id == device_id, Device.revoked_at.is_(None))).first()
    return Admission(row[0], tuple(row[1] or ()), row[2]) if row else None


def spoken_through(
    session: Session, device_ids: Collection[str]
) -> Sequence[tuple[str, list[str], list[str] | None]]:
    """(device, its own topics, its gateway's or None) of active ones; a revoked gateway has none."""
    gateway = aliased(Device)
    rows = session.execute(
        select(Device.id, Device.topics, gateway.topics)
        .outerjoin(gateway, and_(gateway.id == Device.gateway_id, gateway.revoked_at.is_(None)))
        .where(Device.id.in_(device_ids), Device.revoked_at.is_(None))
    )
    return [(device_id, own, behind) for device_id, own, behind in rows]


def mosquitto_entries(session: Session) -> Sequence[tuple[str, str, tuple[str, ...]]]:
    """(id, hash, topics) of all that may connect, in order of id."""
    rows = session.execute(
        select(Device.id, Device.mosquitto_hash, Device.topics)
        .where(Device.revoked_at.is_(None))
        .order_by(Device.id)
    )
    return [(device_id, hashed, tuple(topics)) for device_id, hashed, topics in rows]


def in_service(session: Session) -> Sequence[Device]:
    """All that are not revoked, in order of id."""
    return session.scalars(
        select(Device).where(Device.revoked_at.is_(None)).order_by(Device.id)
    ).all()


def gateways(session: Session) -> list[tuple[str, str]]:
    """(device, its gateway) of every device in service that has one."""
    query = select(Device.id, Device.gateway_id).where(
        Device.gateway_id.is_not(None), Device.revoked_at.is_(None)
    )
    return [(device_id, str(gateway)) for device_id, gateway in session.execute(query)]


def models(session: Session) -> list[tuple[str, str]]:
    """Every device that is not revoked, with its model."""
    query = select(Device.id, Device.model).where(Device.revoked_at.is_(None))
    return [(row[0], row[1]) for row in session.execute(query.order_by(Device.id))]


def exists(session: Session, device_id: str) -> bool:
    return session.scalar(select(Device.id).where(Device.id == device_id)) is not None


def mark_seen(session: Session, seen: Mapping[str, datetime], *, now: datetime) -> None:
    """One statement for all; a time older than the known one changes nothing, if that is over."""
    if not seen:
        return
    table = Device.__table__
    at = bindparam("at", type_=table.c.last_seen_at.type)
    statement = (
        update(Device)
        .where(
            Device.id == bindparam("device"),
            or_(
                Device.last_seen_at.is_(None),
                Device.last_seen_at < at,
                Device.last_seen_at > now + _CLOCKS_APART,
            ),
        )
        .values(last_seen_at=at, commissioned_at=func.coalesce(Device.commissioned_at, at))
    )
    # On the connection: the ORM would look for loaded devices to refresh after every row.
    session.flush()
    session.connection().execute(
        statement, [{"device": device_id, "at": when} for device_id, when in sorted(seen.items())]
    )


def has_event(session: Session, device_id: str, fingerprint: str) -> bool:
    return (
        session.scalar(
            select(DeviceEventRecord.id).where(
                DeviceEventRecord.device_id == device_id,
                DeviceEventRecord.fingerprint == fingerprint,
            )
        )
        is not None
    )


def add_events(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """Add event rows in one statement; those that are there already (by fingerprint) stay."""
    if not rows:
        return
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    once = insert(DeviceEventRecord).on_conflict_do_nothing(
        index_elements=["device_id", "fingerprint"]
    )
    session.execute(once, rows)


def events(
    session: Session,
    device_id: str,
    *,
    since: datetime | None,
    until: datetime | None,
    limit: int,
) -> Sequence[DeviceEventRecord]:
    """Newest first, `since` ≤ at < `until`."""
    query = select(DeviceEventRecord).where(DeviceEventRecord.device_id == device_id)
    if since is not None:
        query = query.where(DeviceEventRecord.at >= since)
    if until is not None:
        query = query.where(DeviceEventRecord.at < until)
    newest = query.order_by(DeviceEventRecord.at.desc(), DeviceEventRecord.id.desc())
    return session.scalars(newest.limit(limit)).all()


def enrolment_exists(session: Session, token_hash: str) -> bool:
    query = select(DeviceEnrolment.id).where(DeviceEnrolment.token_hash == token_hash)
    return session.scalar(query) is not None


def end_enrolments(session: Session, device_id: str, at: datetime) -> None:
    """The device's tokens hold no longer."""
    session.execute(
        update(DeviceEnrolment)
        .where(DeviceEnrolment.device_id == device_id, DeviceEnrolment.used_at.is_(None))
        .values(used_at=at)
    )


def use_enrolment(session: Session, token_hash: str, at: datetime) -> str | None:
    """Use a token up, in one statement so that it can't be done twice; whose it is, or None."""
    return session.scalar(
        update(DeviceEnrolment)
        .where(
            DeviceEnrolment.token_hash == token_hash,
            DeviceEnrolment.used_at.is_(None),
            DeviceEnrolment.expires_at > at,
        )
        .values(used_at=at)
        .returning(DeviceEnrolment.device_id)
    )

"""The only SQL on commands."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from server.command.model import Command
from server.command.states import OPEN
from server.device import repository as devices
from server.device.model import Device

LONGEST_RESEND_PAUSE = timedelta(minutes=5)


def by_id(session: Session, command_id: str) -> Command | None:
    return session.get(Command, command_id)


def page(session: Session, device_id: str, *, before: str | None, limit: int) -> Sequence[Command]:
    """Newest first, those older than the id `before`."""
    query = select(Command).where(Command.device_id == device_id)
    if before is not None:
        query = query.where(Command.id < before)
    return session.scalars(query.order_by(Command.id.desc()).limit(limit)).all()


def between(
    session: Session, device_id: str, *, since: datetime, until: datetime, limit: int
) -> Sequence[Command]:
    """Newest first, `since` ≤ created < `until`."""
    return session.scalars(
        select(Command)
        .where(
            Command.device_id == device_id,
            Command.created_at >= since,
            Command.created_at < until,
        )
        .order_by(Command.id.desc())
        .limit(limit)
    ).all()


def open_count(session: Session, device_id: str) -> int:
    return (
        session.scalar(
            select(func.count()).where(Command.device_id == device_id, Command.status.in_(OPEN))
        )
        or 0
    )


def with_open(session: Session, device_ids: Collection[str], *, now: datetime) -> set[str]:
    """Those of the devices that have an open command which has not expired."""
    query = select(Command.device_id).where(
        Command.device_id.in_(device_ids), Command.status.in_(OPEN), Command.expires_at > now
    )
    return set(session.scalars(query.distinct()))


def open_of(session: Session, device_id: str, *, now: datetime) -> Sequence[Command]:
    """Oldest first, those that have not expired."""
    return session.scalars(
        select(Command)
        .where(Command.device_id == device_id, Command.status.in_(OPEN), Command.expires_at > now)
        .order_by(Command.id)
    ).all()


def due(session: Session, *, now: datetime, limit: int) -> Sequence[Command]:
    """Oldest first: open, not expired, their pause over, their device reachable."""
    return session.scalars(
        select(Command)
        .join(Device, Device.id == Command.device_id)
        .where(
            Command.status.in_(OPEN),
            # Further away than any pause: the clock was set back since.
            or_(Command.next_send_at <= now, Command.next_send_at > now + LONGEST_RESEND_PAUSE),
            Command.expires_at > now,
            devices.reachable(),
        )
        .order_by(Command.id)
        .limit(limit)
    ).all()


def overdue(session: Session, *, now: datetime) -> Sequence[Command]:
    return session.scalars(
        select(Command)
        .where(Command.status.in_(OPEN), Command.expires_at <= now)
        .order_by(Command.id)
    ).all()

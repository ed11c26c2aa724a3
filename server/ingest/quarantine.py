"""Refused messages: kept, counted, shown to staff, forgotten after a while. Callers own the transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import case, delete, func, select
from sqlalchemy.orm import Session

from server.ingest.arrivals import Refusal
from server.ingest.model import PAYLOAD_KEPT_BYTES, QuarantinedMessage
from server.ingest.refusal_budget import Surplus
from server.ingest.shares import Excess
from server.kit.clock import from_unix
from server.kit.text import one_line

MESSAGES_KEPT = 100_000
"""So many of the newest; a device gone mad must not fill the disk."""


KEPT_BYTES = 256 * 2**20
"""And of their payloads, so much."""

_COUNTED_ONLY = " more refused messages, counted only; of the newest: "


def keep(session: Session, whole: Iterable[Refusal], surplus: Iterable[Surplus] = ()) -> None:
    """Refusals with their payloads, and those beyond the budget as their number."""
    _keep_whole(session, whole)
    for more in surplus:
        _count(session, more)


def _count(session: Session, more: Surplus) -> None:
    """In one row for a device and minute: a long flood must not push its own count out."""
    newest = more.newest
    received_at = from_unix(newest.message.received_s)
    row = _counting(session, newest.device_id, received_at)
    if row is None:
        row = QuarantinedMessage(
            device_id=newest.device_id, payload=b"", payload_bytes=0, messages=0
        )
        session.add(row)
    row.messages += more.messages
    row.topic = one_line(newest.message.topic, limit=300)
    row.field = one_line(newest.field, limit=100)
    row.reason = one_line(f"{row.messages}{_COUNTED_ONLY}{newest.reason}", limit=500)
    row.position = newest.message.position
    row.received_at = received_at


def _counting(
    session: Session, device_id: str | None, received_at: datetime
) -> QuarantinedMessage | None:
    """The device's newest row, if it counts messages of this minute."""
    newest = (
        select(QuarantinedMessage)
        .where(QuarantinedMessage.device_id == device_id)  # None: IS NULL
        .order_by(QuarantinedMessage.id.desc())
        .limit(1)
    )
    row = session.scalar(newest)
    if row is None or row.payload_bytes or _COUNTED_ONLY not in row.reason:
        return None
    minute = received_at.replace(second=0, microsecond=0)
    return row if row.received_at.replace(second=0, microsecond=0) == minute else None


def notice(session: Session, excess: Excess, *, position: int, at: datetime) -> None:
    """That a device is shown out, among what staff look at; no message was refused."""
    session.add(
        QuarantinedMessage(
            device_id=excess.device_id,
            topic="",
            field="rate",
            reason=one_line(str(excess), limit=500),
            payload=b"",
            payload_bytes=0,
            messages=0,
            position=position,
            received_at=at,
        )
    )


def _keep_whole(session: Session, refusals: Iterable[Refusal]) -> None:
    session.add_all(
        QuarantinedMessage(
            device_id=refusal.device_id,
            topic=one_line(refusal.message.topic, limit=300),
            field=one_line(refusal.field, limit=100),
            reason=one_line(refusal.reason, limit=500),
            payload=refusal.message.payload[:PAYLOAD_KEPT_BYTES],
            payload_bytes=len(refusal.message.payload),
            position=refusal.message.position,
            received_at=from_unix(refusal.message.received_s),
        )
        for refusal in refusals
    )


def newest_first(
    session: Session, *, device_id: str | None = None, before_id: int | None = None, limit: int
) -> Sequence[QuarantinedMessage]:
    """Refused messages (of one device), newest first, older than `before_id`."""
    query = select(QuarantinedMessage).order_by(QuarantinedMessage.id.desc()).limit(limit)
    if device_id is not None:
        query = query.where(QuarantinedMessage.device_id == device_id)
    if before_id is not None:
        query = query.where(QuarantinedMessage.id < before_id)
    return session.scalars(query).all()


def count(session: Session, *, since: datetime | None = None) -> int:
    """Refused messages, also those whose number only is known."""
    query = select(func.coalesce(func.sum(QuarantinedMessage.messages), 0))
    if since is not None:
        query = query.where(QuarantinedMessage.received_at >= since)
    return int(session.scalar(query) or 0)


def prune(session: Session, *, received_before: datetime) -> None:
    """Forget what is old, and what is more than `MESSAGES_KEPT` or than `KEPT_BYTES`."""
    newest = session.scalar(select(func.max(QuarantinedMessage.id))) or 0
    too_many = newest - MESSAGES_KEPT
    session.execute(
        delete(QuarantinedMessage).where(
            (QuarantinedMessage.received_at < received_before)
            | (QuarantinedMessage.id <= max(too_many, _beyond_bytes(session)))
        )
    )


def _beyond_bytes(session: Session) -> int:
    """The newest row that has no room any more when payloads are kept from the newest on; 0: all have."""
    length = QuarantinedMessage.payload_bytes
    kept = case((length > PAYLOAD_KEPT_BYTES, PAYLOAD_KEPT_BYTES), else_=length)
    summed = select(
        QuarantinedMessage.id,
        func.sum(kept).over(order_by=QuarantinedMessage.id.desc()).label("sum"),
    ).subquery()
    beyond = select(func.max(summed.c.id)).where(summed.c.sum > KEPT_BYTES)
    return session.scalar(beyond) or 0

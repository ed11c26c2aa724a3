"""Refused messages: kept, counted, shown to staff, forgotten after a while. Callers own the transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from server.ingest.arrivals import Refusal
from server.ingest.model import PAYLOAD_KEPT_BYTES, QuarantinedMessage
from server.kit.clock import from_unix
from server.kit.text import one_line

MESSAGES_KEPT = 100_000
"""So many of the newest; a device gone mad must not fill the disk."""


def keep(session: Session, refusals: Iterable[Refusal]) -> None:
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
    query = select(func.count()).select_from(QuarantinedMessage)
    if since is not None:
        query = query.where(QuarantinedMessage.received_at >= since)
    return session.scalar(query) or 0


def prune(session: Session, *, received_before: datetime) -> None:
    """Forget what is old, and what is more than `MESSAGES_KEPT`."""
    newest = session.scalar(select(func.max(QuarantinedMessage.id))) or 0
    session.execute(
        delete(QuarantinedMessage).where(
            (QuarantinedMessage.received_at < received_before)
            | (QuarantinedMessage.id <= newest - MESSAGES_KEPT)
        )
    )

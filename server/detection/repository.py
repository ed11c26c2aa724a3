"""The only SQL about findings, checkpoints and baseline requests."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from server.detection.model import BaselineRequest, Checkpoint, FindingRecord, RecordedPosition


def findings_of(
    session: Session, device_id: str, *, since: datetime, until: datetime
) -> Sequence[FindingRecord]:
    """Findings that touch [since, until), oldest onset first."""
    query = (
        select(FindingRecord)
        .where(
            FindingRecord.device_id == device_id,
            FindingRecord.onset_at < until,
            FindingRecord.ended_at.is_(None) | (FindingRecord.ended_at >= since),
        )
        .order_by(FindingRecord.onset_at, FindingRecord.id)
    )
    return session.scalars(query).all()


def open_findings(session: Session, device_ids: Sequence[str]) -> Sequence[FindingRecord]:
    """Findings of these devices that have not ended."""
    query = select(FindingRecord).where(
        FindingRecord.device_id.in_(device_ids), FindingRecord.ended_at.is_(None)
    )
    return session.scalars(query.order_by(FindingRecord.onset_at)).all()


def all_open_findings(session: Session) -> Sequence[FindingRecord]:
    return session.scalars(select(FindingRecord).where(FindingRecord.ended_at.is_(None))).all()


def checkpoint(session: Session, shard: str) -> Checkpoint | None:
    return session.get(Checkpoint, shard)


def replace_checkpoint(session: Session, shard: str, values: dict[str, Any]) -> bool:
    """False where the shard has none yet."""
    done = session.connection().execute(
        update(Checkpoint).where(Checkpoint.shard == shard).values(values)
    )
    return done.rowcount > 0


def recorded_position(session: Session, shard: str) -> RecordedPosition | None:
    return session.get(RecordedPosition, shard)


def waiting_baseline_requests(session: Session) -> Sequence[BaselineRequest]:
    query = select(BaselineRequest).where(BaselineRequest.applied_at.is_(None))
    return session.scalars(query.order_by(BaselineRequest.id)).all()

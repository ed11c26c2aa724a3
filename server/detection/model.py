"""Findings as the pipeline recorded them, and the detector's checkpoint."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from server.kit.database import Base


class FindingRecord(Base):
    """One finding of `anomaly`, under its own id: recorded again when it worsens or ends."""

    __tablename__ = "finding"
    __table_args__ = (Index("ix_finding_device_onset", "device_id", "onset_at"),)

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    device_id: Mapped[str] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(32))
    metrics: Mapped[list[Any]]
    onset_at: Mapped[datetime]
    detected_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    confidence: Mapped[float]
    severity: Mapped[float]
    evidence: Mapped[dict[str, Any]]
    sentence: Mapped[str] = mapped_column(String(1000))
    forecast: Mapped[dict[str, Any] | None]
    recorded_at: Mapped[datetime]


class Checkpoint(Base):
    """The pipeline's memory and the stream position it includes; one row a pipeline shard."""

    __tablename__ = "detection_checkpoint"

    shard: Mapped[str] = mapped_column(String(64), primary_key=True)
    stream: Mapped[str] = mapped_column(String(100))
    position: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[bytes] = mapped_column(LargeBinary)
    seen_packs: Mapped[bytes] = mapped_column(LargeBinary)
    saved_at: Mapped[datetime]


class RecordedPosition(Base):
    """Up to where a stream's effects on the records are committed; never behind its checkpoint.

    Between the two lies what a restart replays to the detector alone: its findings are known already.
    """

    __tablename__ = "detection_recorded_position"

    shard: Mapped[str] = mapped_column(String(64), primary_key=True)
    stream: Mapped[str] = mapped_column(String(100))
    position: Mapped[int] = mapped_column(BigInteger)


class BaselineRequest(Base):
    """A repair or firmware change: the device's commissioning starts anew at `at`.

    Asked for by event handlers, applied by the pipeline together with a checkpoint, kept as history.
    """

    __tablename__ = "detection_baseline_request"
    __table_args__ = (Index("ix_detection_baseline_request_applied_at", "applied_at"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    device_id: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime]
    reason: Mapped[str] = mapped_column(String(200))
    applied_at: Mapped[datetime | None]

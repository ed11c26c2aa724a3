"""Findings as the pipeline recorded them, the detector's checkpoint, and what people taught it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index, LargeBinary, String, UniqueConstraint, text
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
    """The whole of it where a version before parts saved it last; else empty."""
    parts: Mapped[int] = mapped_column(default=0, server_default="0")
    """So many rows of `detection_checkpoint_part` are the state."""
    seen_packs: Mapped[bytes] = mapped_column(LargeBinary)
    tuning_id: Mapped[int] = mapped_column(default=0, server_default="0")
    """Newest row of `detection_tuning` that `state` obeys; 0: none."""
    saved_at: Mapped[datetime]


class CheckpointPart(Base):
    """A piece of the detectors' memory; all of a shard's, in order of their numbers, are its state."""

    __tablename__ = "detection_checkpoint_part"

    shard: Mapped[str] = mapped_column(String(64), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    data: Mapped[bytes] = mapped_column(LargeBinary)


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


class FindingLabel(Base):
    """What people found out: whether a finding was right, or a fault that none announced.

    `source` names whose word it is ("job:12", "ticket:7"). A changed word is a new row, and the old one
    gets `replaced_at`: what was known at any time can be read again. `kind` and `component` are those
    of the case's leading finding, empty where nothing was announced.
    """

    __tablename__ = "detection_label"
    __table_args__ = (
        Index("ix_detection_label_cohort_at", "cohort", "at"),
        Index(
            "uq_detection_label_current",
            "source",
            unique=True,
            sqlite_where=text("replaced_at IS NULL"),
            postgresql_where=text("replaced_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    source: Mapped[str] = mapped_column(String(40))
    device_id: Mapped[str] = mapped_column(String(64))
    cohort: Mapped[str] = mapped_column(String(128))
    label: Mapped[str] = mapped_column(String(20))
    kind: Mapped[str] = mapped_column(String(32))
    component: Mapped[str] = mapped_column(String(200))
    at: Mapped[datetime]
    replaced_at: Mapped[datetime | None]


class CohortTuning(Base):
    """One version of how cautious the detectors are with a cohort; the highest version holds.

    `origin` is "labels", "hand" or "revert": what was set by a person holds until a person lets the
    labels decide again. `counts` are the labels it follows from, by name.
    """

    __tablename__ = "detection_tuning"
    __table_args__ = (UniqueConstraint("cohort", "version", name="uq_detection_tuning_version"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    cohort: Mapped[str] = mapped_column(String(128))
    version: Mapped[int]
    caution: Mapped[float]
    counts: Mapped[dict[str, Any]]
    origin: Mapped[str] = mapped_column(String(20))
    reverted_to: Mapped[int | None]
    made_by: Mapped[str] = mapped_column(String(200), default="")
    made_at: Mapped[datetime]


class FleetModel(Base):
    """One version of what a cohort's failures taught: a model of remaining life, or of failure soon.

    `error` and its rivals are of the same failures, which ended after both models were trained.
    `content` is a skops file; nothing of a version is ever changed but whether it is in use.
    """

    __tablename__ = "detection_fleet_model"
    __table_args__ = (
        UniqueConstraint("cohort", "kind", "version", name="uq_detection_fleet_model_version"),
    )

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    cohort: Mapped[str] = mapped_column(String(128))
    kind: Mapped[str] = mapped_column(String(16))
    version: Mapped[int]
    content: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    step_s: Mapped[float]
    horizon_days: Mapped[float]
    failures: Mapped[int]
    """Known when it was made: those it learned from and those it was measured on."""
    held_out: Mapped[int]
    trained_until: Mapped[datetime]
    error: Mapped[float]
    current_error: Mapped[float | None]
    mean_error: Mapped[float]
    in_use: Mapped[bool]
    used_by: Mapped[str] = mapped_column(String(200), default="")
    """Whose word made it be in use or not; empty: the comparison's."""
    made_at: Mapped[datetime]


class Outlook(Base):
    """What the fleet models in use say of a device, as of the last look; days from `at`."""

    __tablename__ = "detection_outlook"

    device_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    at: Mapped[datetime]
    remaining_days: Mapped[float | None]
    low_days: Mapped[float | None]
    high_days: Mapped[float | None]
    probability: Mapped[float | None]
    horizon_days: Mapped[float]
    looks: Mapped[int]
    """So many looks in a row said that a failure is near (above 0) or is not (below 0)."""

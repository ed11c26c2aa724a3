"""Incidents and which findings belong to which."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Enum, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from server.incident.states import IncidentState
from server.kit.database import Base

_STATE = Enum(
    IncidentState,
    native_enum=False,
    length=20,
    values_callable=lambda kind: [s.value for s in kind],
)


class Incident(Base):
    """A case on one device. `kind` and `component` are the leading (worst) finding's.

    `opened_at`, `watch_until` and `closed_at` are the server's time; `onset_at` and `recovered_at`
    are the samples' own. `component` is what stands before the first `/` of a metric's name, empty
    for the device as a whole.
    """

    __tablename__ = "incident"
    __table_args__ = (
        Index("ix_incident_device_opened", "device_id", "opened_at"),
        # One problem, one case, even if two pipelines ever raced.
        Index(
            "uq_incident_active_component",
            "device_id",
            "component",
            unique=True,
            sqlite_where=text("closed_at IS NULL"),
            postgresql_where=text("closed_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    device_id: Mapped[str] = mapped_column(String(64))
    component: Mapped[str] = mapped_column(String(200))
    kind: Mapped[str] = mapped_column(String(32))
    state: Mapped[IncidentState] = mapped_column(_STATE, index=True)
    severity: Mapped[float]
    """The worst it has been, 0..1."""
    leading_finding_id: Mapped[str] = mapped_column(ForeignKey("finding.id"))
    opened_at: Mapped[datetime]
    onset_at: Mapped[datetime]
    recovered_at: Mapped[datetime | None]
    watch_until: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    reopened_count: Mapped[int] = mapped_column(default=0)
    previous_id: Mapped[int | None] = mapped_column(ForeignKey("incident.id"))
    """The closed incident that this one repeats."""


class IncidentFinding(Base):
    """A finding belongs to one incident at most, and counts there for one component."""

    __tablename__ = "incident_finding"

    finding_id: Mapped[str] = mapped_column(ForeignKey("finding.id"), primary_key=True)
    incident_id: Mapped[int] = mapped_column(ForeignKey("incident.id"), index=True)
    component: Mapped[str] = mapped_column(String(200))
    added_at: Mapped[datetime]

"""Field jobs and the log of what was done to them."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Enum, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from field_service import JobAction, JobState, Outcome
from server.kit.database import Base

MAX_COMPONENT = 100
MAX_ACTION = 200
MAX_NOTE = 4000


def _column(kind: type[StrEnum]) -> Enum:
    return Enum(kind, native_enum=False, length=20, values_callable=lambda k: [v.value for v in k])


class Job(Base):
    """A visit. `tasks` is a list of phrases, `bring` {"parts": […], "tools": […]}; both are keys for
    translation. `version` counts changes, for optimistic concurrency.
    """

    __tablename__ = "job"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    incident_id: Mapped[int | None] = mapped_column(ForeignKey("incident.id"), index=True)
    ticket_id: Mapped[int] = mapped_column(ForeignKey("ticket.id"), index=True)
    device_id: Mapped[str] = mapped_column(String(64), index=True)
    site: Mapped[str] = mapped_column(String(200))
    skill: Mapped[str] = mapped_column(String(40), default="")
    technician_id: Mapped[int | None] = mapped_column(ForeignKey("account_user.id"), index=True)
    state: Mapped[JobState] = mapped_column(_column(JobState), index=True)
    planned_for: Mapped[datetime | None]
    tasks: Mapped[list[Any]]
    bring: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    verdict: Mapped[Outcome | None] = mapped_column(_column(Outcome))
    component: Mapped[str | None] = mapped_column(String(MAX_COMPONENT))
    action: Mapped[str | None] = mapped_column(String(MAX_ACTION))
    note: Mapped[str | None] = mapped_column(String(MAX_NOTE))
    version: Mapped[int] = mapped_column(default=1)


class JobStep(Base):
    """One transition. `client_id` is the phone's own id of it: sent again, it is not done again."""

    __tablename__ = "job_step"
    __table_args__ = (UniqueConstraint("job_id", "client_id"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    job_id: Mapped[int] = mapped_column(ForeignKey("job.id"), index=True)
    action: Mapped[JobAction] = mapped_column(_column(JobAction))
    state: Mapped[JobState] = mapped_column(_column(JobState))
    by_user_id: Mapped[int | None] = mapped_column(ForeignKey("account_user.id"))
    client_id: Mapped[str | None] = mapped_column(String(64))
    at: Mapped[datetime]

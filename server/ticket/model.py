"""Tickets."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Enum, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from server.kit.database import Base
from server.ticket.states import Feedback, Priority, Resolution, TicketKind, TicketState

MAX_SUBJECT = 200
MAX_DESCRIPTION = 10_000


def _column(kind: type[StrEnum]) -> Enum:
    return Enum(kind, native_enum=False, length=20, values_callable=lambda k: [v.value for v in k])


class Ticket(Base):
    """A promise to an owner. `owner_id` is the device's owner when it was opened.

    A ticket opened by a case has `subject_code` (the incident's kind) and no text: pages say it in the
    reader's language. One opened by a person has `subject`.
    """

    __tablename__ = "ticket"
    __table_args__ = (Index("ix_ticket_device_opened", "device_id", "opened_at"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    incident_id: Mapped[int | None] = mapped_column(ForeignKey("incident.id"), unique=True)
    device_id: Mapped[str] = mapped_column(String(64))
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("account_user.id"), index=True)
    kind: Mapped[TicketKind] = mapped_column(_column(TicketKind))
    subject_code: Mapped[str | None] = mapped_column(String(32))
    subject: Mapped[str | None] = mapped_column(String(MAX_SUBJECT))
    description: Mapped[str | None] = mapped_column(Text)
    """The asker's own words; the first message of the thread."""
    opened_by_id: Mapped[int | None] = mapped_column(ForeignKey("account_user.id"))
    state: Mapped[TicketState] = mapped_column(_column(TicketState), index=True)
    priority: Mapped[Priority] = mapped_column(_column(Priority))
    opened_at: Mapped[datetime]
    due_at: Mapped[datetime]
    """What is promised now; moves with each announced delay."""
    promised_at: Mapped[datetime]
    """What was promised first."""
    assignee_id: Mapped[int | None] = mapped_column(ForeignKey("account_user.id"), index=True)
    queue: Mapped[str] = mapped_column(String(40))
    """Who answers for it while there is no assignee."""
    visit_pending: Mapped[bool] = mapped_column(default=False)
    """A field job is under way: recovery alone does not end the ticket."""
    worked_on: Mapped[bool] = mapped_column(default=False)
    """A person has worked on it; without that no satisfaction survey follows."""
    delay_announced_at: Mapped[datetime | None]
    escalated_at: Mapped[datetime | None]
    resolved_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    resolution: Mapped[Resolution | None] = mapped_column(_column(Resolution))
    feedback: Mapped[Feedback | None] = mapped_column(_column(Feedback))
    feedback_at: Mapped[datetime | None]

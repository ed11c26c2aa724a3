"""Tickets in the JSON API."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from server.kit.paging import RowId
from server.ticket.answers import FourAnswers
from server.ticket.model import MAX_DESCRIPTION, MAX_SUBJECT, Ticket
from server.ticket.service import Changes
from server.ticket.states import Feedback, Priority, Resolution, TicketKind, TicketState


class TicketRequest(BaseModel):
    """A person asks for help with a device."""

    model_config = ConfigDict(extra="forbid")

    device_id: Annotated[str, Field(min_length=1, max_length=64)]
    subject: Annotated[str, Field(min_length=1, max_length=MAX_SUBJECT)]
    description: Annotated[str, Field(max_length=MAX_DESCRIPTION)] = ""
    priority: Priority | None = None


class TicketChange(BaseModel):
    """What to change; a field that is left out stays, `assignee_id` and `feedback` may be null."""

    model_config = ConfigDict(extra="forbid")

    state: TicketState | None = None
    resolution: Resolution | None = None
    priority: Priority | None = None
    due_at: AwareDatetime | None = None
    queue: Annotated[str | None, Field(max_length=40)] = None
    assignee_id: RowId | None = None
    feedback: Feedback | None = None

    def as_changes(self) -> Changes:
        return Changes(
            state=self.state,
            resolution=self.resolution,
            priority=self.priority,
            due_at=self.due_at,
            queue=self.queue,
            assign="assignee_id" in self.model_fields_set,
            assignee_id=self.assignee_id,
            rate="feedback" in self.model_fields_set,
            feedback=self.feedback,
        )


class TicketView(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: int
    incident_id: int | None
    device_id: str
    owner_id: int | None
    kind: TicketKind
    subject_code: str | None
    subject: str | None
    state: TicketState
    priority: Priority
    opened_at: datetime
    due_at: datetime
    promised_at: datetime
    assignee_id: int | None
    queue: str
    visit_pending: bool
    delay_announced_at: datetime | None
    escalated_at: datetime | None
    resolved_at: datetime | None
    closed_at: datetime | None
    resolution: Resolution | None
    feedback: Feedback | None


class AnswersView(BaseModel):
    """The four answers in English, and the facts behind them."""

    noticed: str
    by_when: str
    who: str
    if_late: str
    since: datetime
    due_at: datetime
    announce_by: datetime
    responsible_name: str | None
    queue: str
    escalates_to: str


class TicketDetail(TicketView):
    description: str | None
    answers: AnswersView


def detail(ticket: Ticket, answers: FourAnswers) -> TicketDetail:
    """A ticket with its four answers."""
    view = TicketView.model_validate(ticket)
    return TicketDetail(
        **view.model_dump(),
        description=ticket.description,
        answers=AnswersView(
            **answers.in_english(),
            since=answers.since,
            due_at=answers.due_at,
            announce_by=answers.announce_by,
            responsible_name=answers.responsible_name,
            queue=answers.queue,
            escalates_to=answers.escalates_to,
        ),
    )

"""Decisions on tickets: who may see and change them, what they promise, how they end.

Callers own the transaction. Reading and people's changes are here; what the program does by itself
about a case or a deadline is in `lifecycle`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from server.account import repository as accounts
from server.account.viewer import DESK, Role, Viewer
from server.device import service as devices
from server.kit.errors import BadInput, Forbidden, NotFound
from server.kit.events import publish
from server.kit.settings import Settings
from server.kit.text import one_line, paragraph
from server.ticket import lifecycle, repository
from server.ticket.answers import FourAnswers, four_answers
from server.ticket.events import TicketDelayAnnounced, TicketFeedbackGiven, TicketOpened
from server.ticket.lifecycle import announce_delays
from server.ticket.model import MAX_DESCRIPTION, MAX_SUBJECT, Ticket
from server.ticket.states import (
    QUEUE_SUPPORT,
    UNFINISHED,
    Feedback,
    Priority,
    Resolution,
    TicketKind,
    TicketState,
)

__all__ = [
    "Changes",
    "FourAnswers",
    "announce_delays",
    "ask",
    "change",
    "four_answers",
    "may_see",
    "queue",
    "tickets",
    "visible",
]


def visible(session: Session, viewer: Viewer, ticket_id: int) -> Ticket:
    """The ticket, if the viewer may know of it: an owner only his own. Raises NotFound."""
    ticket = repository.ticket_by_id(session, ticket_id)
    if ticket is None or not may_see(viewer, ticket):
        raise NotFound("there is no such ticket")
    return ticket


def may_see(viewer: Viewer, ticket: Ticket) -> bool:
    return viewer.sees_all_devices or ticket.owner_id == viewer.user_id


def tickets(
    session: Session,
    viewer: Viewer,
    *,
    states: Collection[TicketState] = (),
    device_id: str | None = None,
    assignee_id: int | None = None,
    unassigned: bool = False,
    before_id: int | None = None,
    limit: int = 50,
) -> Sequence[Ticket]:
    """Newest first; an owner gets his own."""
    return repository.tickets(
        session,
        owner_id=None if viewer.sees_all_devices else viewer.user_id,
        states=states,
        device_id=device_id,
        assignee_id=assignee_id,
        unassigned=unassigned,
        before_id=before_id,
        limit=limit,
    )


def queue(session: Session, viewer: Viewer, *, limit: int = 200) -> Sequence[Ticket]:
    """The desk's work, most urgent first. Raises Forbidden for everyone else."""
    if viewer.role not in DESK:
        raise Forbidden("the queue is the desk's")
    return repository.by_urgency(session, limit=limit)


def ask(
    session: Session,
    viewer: Viewer,
    *,
    device_id: str,
    subject: str,
    description: str = "",
    priority: Priority | None = None,
    now: datetime,
    settings: Settings,
) -> Ticket:
    """A person asks for help with a device that he may see. Raises BadInput, NotFound, Forbidden."""
    if viewer.role is Role.TECHNICIAN:
        raise Forbidden("technicians report through their jobs")
    device = devices.visible_device(session, viewer, device_id)
    title = one_line(subject, limit=MAX_SUBJECT)
    if not title:
        raise BadInput("subject", "must not be empty")
    # What is urgent is for the desk to say; an owner's wish would always be the same.
    chosen = priority if priority is not None and viewer.role in DESK else Priority.NORMAL
    due_at = now + timedelta(hours=settings.sla_hours)
    ticket = Ticket(
        device_id=device.id,
        owner_id=device.owner_id,
        kind=TicketKind.ASKED,
        subject=title,
        description=paragraph(description, limit=MAX_DESCRIPTION) or None,
        opened_by_id=viewer.user_id,
        state=TicketState.NEW,
        priority=chosen,
        opened_at=now,
        due_at=due_at,
        promised_at=due_at,
        queue=QUEUE_SUPPORT,
        visit_pending=False,
        worked_on=False,
    )
    session.add(ticket)
    session.flush()
    opened = TicketOpened(ticket_id=ticket.id, incident_id=None, device_id=device.id)
    publish(session, opened, now=now)
    lifecycle.assign_least_loaded(session, ticket, now=now)
    return ticket


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What a person wants changed; `None` leaves a field alone, `assign`/`rate` say a null is meant."""

    state: TicketState | None = None
    resolution: Resolution | None = None
    priority: Priority | None = None
    due_at: datetime | None = None
    queue: str | None = None
    assign: bool = False
    assignee_id: int | None = None
    rate: bool = False
    feedback: Feedback | None = None

    @property
    def for_desk_only(self) -> bool:
        given = (self.priority, self.due_at, self.queue, self.resolution)
        return self.assign or any(value is not None for value in given)


def change(
    session: Session, viewer: Viewer, ticket_id: int, changes: Changes, *, now: datetime
) -> Ticket:
    """Apply `changes`. The desk may change all but the owner's thumb; an owner may give feedback, close
    and reopen. Raises NotFound, Forbidden, BadInput, Conflict.
    """
    ticket = visible(session, viewer, ticket_id)
    at_desk = viewer.role in DESK
    if not at_desk and (changes.for_desk_only or viewer.role is not Role.OWNER):
        raise Forbidden("only the support desk may change this")
    if changes.rate:
        if ticket.owner_id != viewer.user_id:
            raise Forbidden("feedback is the owner's to give")
        _rate(session, ticket, changes.feedback, now=now)
    if changes.assign:
        _assign(session, ticket, changes.assignee_id, now=now)
    if changes.queue is not None:
        ticket.queue = _queue_name(changes.queue)
    if changes.priority is not None:
        ticket.priority = changes.priority
    if changes.due_at is not None:
        _promise(session, ticket, changes.due_at, now=now)
    if changes.state is not None and changes.state is not ticket.state:
        _move(session, viewer, ticket, changes, now=now)
    if at_desk:
        ticket.worked_on = True
    session.flush()
    return ticket


def _move(
    session: Session, viewer: Viewer, ticket: Ticket, changes: Changes, *, now: datetime
) -> None:
    target = changes.state
    assert target is not None
    if viewer.role is Role.OWNER:
        reopening = ticket.state not in UNFINISHED and target is TicketState.IN_PROGRESS
        if target is not TicketState.CLOSED and not reopening:
            raise Forbidden("an owner may close and reopen a ticket")
    by_owner = viewer.role is Role.OWNER
    fallback = Resolution.WITHDRAWN if by_owner else Resolution.ANSWERED
    resolution = changes.resolution or ticket.resolution or fallback
    lifecycle.move(session, ticket, target, resolution=resolution, now=now)


def _assign(session: Session, ticket: Ticket, user_id: int | None, *, now: datetime) -> None:
    if user_id is not None:
        user = accounts.user_by_id(session, user_id)
        if user is None or user.disabled_at is not None or user.role not in DESK:
            raise BadInput("assignee_id", "must be a member of the support desk")
    lifecycle.assign(session, ticket, user_id, now=now)


def _queue_name(text: str) -> str:
    name = one_line(text, limit=40)
    if not name:
        raise BadInput("queue", "must not be empty")
    return name


def _promise(session: Session, ticket: Ticket, due_at: datetime, *, now: datetime) -> None:
    if due_at <= now:
        raise BadInput("due_at", "must be in the future")
    if ticket.state not in UNFINISHED:
        raise BadInput("due_at", "the ticket has ended")
    previous, ticket.due_at = ticket.due_at, due_at
    if due_at > previous:
        ticket.delay_announced_at = now
        event = TicketDelayAnnounced(
            ticket_id=ticket.id, due_s=due_at.timestamp(), previous_due_s=previous.timestamp()
        )
        publish(session, event, now=now)


def _rate(session: Session, ticket: Ticket, feedback: Feedback | None, *, now: datetime) -> None:
    if feedback is ticket.feedback:
        return
    ticket.feedback, ticket.feedback_at = feedback, now
    event = TicketFeedbackGiven(
        ticket_id=ticket.id,
        incident_id=ticket.incident_id,
        device_id=ticket.device_id,
        feedback=feedback,
    )
    publish(session, event, now=now)

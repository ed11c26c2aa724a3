"""What happens to a ticket without anybody's asking: opened, assigned, delayed, escalated, ended."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from field_service.dispatch import Technician, choose
from field_service.errors import TransitionRefused
from server.account import repository as accounts
from server.account.viewer import Role
from server.device import repository as devices
from server.incident import repository as incidents
from server.incident.model import Incident
from server.incident.states import IncidentState
from server.kit.errors import Conflict
from server.kit.events import publish
from server.kit.settings import Settings
from server.ticket import repository
from server.ticket.events import (
    TicketAssigned,
    TicketClosed,
    TicketDelayAnnounced,
    TicketEscalated,
    TicketOpened,
    TicketReopened,
    TicketResolved,
    TicketStateChanged,
)
from server.ticket.model import Ticket
from server.ticket.states import (
    ENDED,
    QUEUE_ESCALATIONS,
    QUEUE_SUPPORT,
    TICKET_LIFE_CYCLE,
    UNFINISHED,
    Priority,
    Resolution,
    TicketKind,
    TicketState,
)


def open_for_incident(
    session: Session, incident: Incident, *, now: datetime, settings: Settings
) -> Ticket:
    """The case's ticket; opened if there is none yet, so that doing it twice changes nothing."""
    ticket = repository.ticket_of_incident(session, incident.id)
    if ticket is not None:
        return ticket
    device = devices.by_id(session, incident.device_id)
    due_at = now + timedelta(hours=settings.sla_hours)
    ticket = Ticket(
        incident_id=incident.id,
        device_id=incident.device_id,
        owner_id=device.owner_id if device else None,
        kind=TicketKind.PROACTIVE,
        subject_code=incident.kind,
        state=TICKET_LIFE_CYCLE.initial,
        priority=Priority.of_severity(incident.severity),
        opened_at=now,
        due_at=due_at,
        promised_at=due_at,
        queue=QUEUE_SUPPORT,
        visit_pending=False,
        worked_on=False,
    )
    session.add(ticket)
    session.flush()
    publish(
        session,
        TicketOpened(ticket_id=ticket.id, incident_id=incident.id, device_id=incident.device_id),
        now=now,
    )
    assign_least_loaded(session, ticket, now=now)
    return ticket


def assign_least_loaded(session: Session, ticket: Ticket, *, now: datetime) -> None:
    """To the member of staff with the fewest unfinished tickets; without staff it stays in its queue."""
    person = _least_loaded(session, Role.STAFF)
    if person is not None:
        assign(session, ticket, person, now=now)


def assign(session: Session, ticket: Ticket, user_id: int | None, *, now: datetime) -> None:
    """Make a user responsible; None gives the ticket back to its queue."""
    if user_id == ticket.assignee_id:
        return
    ticket.assignee_id = user_id
    event = TicketAssigned(ticket_id=ticket.id, assignee_id=user_id, queue=ticket.queue)
    publish(session, event, now=now)


def move(
    session: Session,
    ticket: Ticket,
    target: TicketState,
    *,
    now: datetime,
    resolution: Resolution = Resolution.ANSWERED,
    reason: str = "asked",
) -> None:
    """Bring the ticket to `target`; raises Conflict where its life-cycle does not allow it.

    `resolution` counts when the ticket ends, `reason` when it is reopened.
    """
    previous = ticket.state
    try:
        TICKET_LIFE_CYCLE.action_to(previous, target)
    except TransitionRefused as error:
        raise Conflict(str(error)) from error
    ticket.state = target
    changed = TicketStateChanged(ticket_id=ticket.id, state=target, previous=previous)
    publish(session, changed, now=now)
    if target in ENDED:
        if previous in UNFINISHED:
            ticket.resolved_at, ticket.resolution = now, resolution
        if target is TicketState.CLOSED:
            ticket.closed_at = now
        kind = TicketClosed if target is TicketState.CLOSED else TicketResolved
        publish(session, kind(ticket_id=ticket.id, resolution=resolution), now=now)
    elif previous in ENDED:
        ticket.resolved_at = ticket.closed_at = ticket.resolution = None
        publish(session, TicketReopened(ticket_id=ticket.id, reason=reason), now=now)


def end(session: Session, ticket: Ticket, *, now: datetime) -> None:
    """The case is over: close the ticket, unless somebody is on the way or it has ended already."""
    if ticket.state in UNFINISHED and not ticket.visit_pending:
        resolution = ticket.resolution or Resolution.RECOVERED
        move(session, ticket, TicketState.CLOSED, resolution=resolution, now=now)


def relapse(session: Session, ticket: Ticket, *, now: datetime, settings: Settings) -> None:
    """The problem came back: the same ticket is open again, with a promise that can be kept."""
    ticket.resolution = None
    if ticket.state in ENDED:
        move(session, ticket, TicketState.IN_PROGRESS, reason="relapse", now=now)
        ticket.due_at = max(ticket.due_at, now + timedelta(hours=settings.sla_hours))


def visit_opened(session: Session, ticket_id: int) -> None:
    """A field job is under way."""
    session.get_one(Ticket, ticket_id).visit_pending = True


def visit_ended(
    session: Session, ticket_id: int, *, resolution: Resolution | None, now: datetime
) -> None:
    """The job is over; what it found becomes the reason for which the ticket will close.

    None: it was cancelled. Where the case is over already, the ticket ends now.
    """
    ticket = session.get_one(Ticket, ticket_id)
    ticket.visit_pending = False
    if resolution is not None:
        ticket.worked_on = True
        if ticket.state in UNFINISHED:
            ticket.resolution = resolution
            if ticket.state is not TicketState.IN_PROGRESS:
                move(session, ticket, TicketState.IN_PROGRESS, now=now)
    incident = _incident(session, ticket)
    if incident is not None and incident.state is IncidentState.CLOSED:
        end(session, ticket, now=now)


def announce_delays(session: Session, *, now: datetime, settings: Settings) -> int:
    """Tell of promises that will slip, before they do, and escalate; returns how many.

    A promise is in danger when `sla_warning_share` of its time has passed and nobody has dealt with it;
    one whose device is well again and watched is about to end and is left alone.
    """
    sla = timedelta(hours=settings.sla_hours)
    warning = sla * (1 - settings.sla_warning_share)
    late = 0
    for ticket in repository.due_by(session, now + warning):
        incident = _incident(session, ticket)
        if incident is not None and incident.state is not IncidentState.OPEN:
            continue
        late += 1
        previous = ticket.due_at
        ticket.due_at = max(previous, now) + sla
        ticket.delay_announced_at = now
        delay = TicketDelayAnnounced(
            ticket_id=ticket.id,
            due_s=ticket.due_at.timestamp(),
            previous_due_s=previous.timestamp(),
        )
        publish(session, delay, now=now)
        _escalate(session, ticket, now=now)
    return late


def _escalate(session: Session, ticket: Ticket, *, now: datetime) -> None:
    ticket.escalated_at = now
    ticket.priority = ticket.priority.raised()
    ticket.queue = QUEUE_ESCALATIONS
    admin = _least_loaded(session, Role.ADMIN)
    if admin is not None:
        assign(session, ticket, admin, now=now)
    event = TicketEscalated(
        ticket_id=ticket.id,
        priority=ticket.priority,
        queue=ticket.queue,
        assignee_id=ticket.assignee_id,
    )
    publish(session, event, now=now)


def _least_loaded(session: Session, role: Role) -> int | None:
    people = [user.id for user in accounts.users(session, roles=(role,))]
    load = repository.load_of(session, people)
    chosen = choose(Technician(user_id, load[user_id]) for user_id in people)
    return chosen.id if chosen else None


def _incident(session: Session, ticket: Ticket) -> Incident | None:
    if ticket.incident_id is None:
        return None
    return incidents.incident_by_id(session, ticket.incident_id)

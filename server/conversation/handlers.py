"""What the thread says when something happens to its ticket or to the ticket's job."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from server.account import repository as accounts
from server.conversation import service
from server.job.events import JobCancelled, JobFinished, JobOpened, JobPlanned, JobStarted
from server.kit.clock import Clock
from server.kit.settings import Settings
from server.ticket.answers import four_answers
from server.ticket.events import (
    TicketAssigned,
    TicketClosed,
    TicketDelayAnnounced,
    TicketEscalated,
    TicketOpened,
    TicketRecovering,
    TicketReopened,
    TicketResolved,
)
from server.ticket.model import Ticket


class ConversationHandlers:
    """Made once, with the process's clock and settings."""

    def __init__(self, clock: Clock, settings: Settings) -> None:
        self._clock = clock
        self._settings = settings

    def greet(self, session: Session, event: TicketOpened) -> None:
        """“We have noticed” for a case; for a request, its words and that it was heard."""
        ticket = session.get_one(Ticket, event.ticket_id)
        due_s = ticket.due_at.timestamp()
        if ticket.incident_id is not None:
            facts = four_answers(session, ticket, self._settings)
            self._say(
                session,
                ticket.id,
                "noticed",
                kind=facts.noticed_kind,
                component=facts.noticed_component,
                sentence=facts.noticed_sentence,
                since_s=facts.since.timestamp(),
                due_s=due_s,
            )
            return
        asker = (
            accounts.user_by_id(session, ticket.opened_by_id)
            if ticket.opened_by_id is not None
            else None
        )
        if asker is not None and ticket.description:
            now = self._clock.now()
            service.quote(session, ticket.id, asker.id, asker.role, ticket.description, now=now)
        self._say(session, ticket.id, "heard", due_s=due_s)

    def note_assignment(self, session: Session, event: TicketAssigned) -> None:
        name = self._name(session, event.assignee_id)
        if name is None:
            self._say(session, event.ticket_id, "queued", queue=event.queue)
        else:
            self._say(session, event.ticket_id, "assigned", name=name, user_id=event.assignee_id)

    def note_recovery(self, session: Session, event: TicketRecovering) -> None:
        self._say(session, event.ticket_id, "recovering", watch_until_s=event.watch_until_s)

    def announce_delay(self, session: Session, event: TicketDelayAnnounced) -> None:
        self._say(
            session,
            event.ticket_id,
            "delayed",
            due_s=event.due_s,
            previous_due_s=event.previous_due_s,
        )

    def note_escalation(self, session: Session, event: TicketEscalated) -> None:
        """The owner was promised to hear of it: he does."""
        queue, priority = event.queue, event.priority
        self._say(session, event.ticket_id, "escalated", queue=queue, priority=priority)

    def note_resolution(self, session: Session, event: TicketResolved) -> None:
        self._say(session, event.ticket_id, "resolved", resolution=event.resolution)

    def say_goodbye(self, session: Session, event: TicketClosed) -> None:
        self._say(session, event.ticket_id, "closed", resolution=event.resolution)

    def note_reopening(self, session: Session, event: TicketReopened) -> None:
        code = "relapsed" if event.reason == "relapse" else "reopened"
        self._say(session, event.ticket_id, code)

    def announce_visit(self, session: Session, event: JobOpened) -> None:
        self._visit(session, event)

    def note_visit_plan(self, session: Session, event: JobPlanned) -> None:
        self._visit(session, event)

    def note_visit_start(self, session: Session, event: JobStarted) -> None:
        self._say(session, event.ticket_id, "visit_started", job_id=event.job_id)

    def note_verdict(self, session: Session, event: JobFinished) -> None:
        self._say(
            session,
            event.ticket_id,
            f"visit_{event.verdict}",
            job_id=event.job_id,
            component=event.component,
            action=event.action,
        )

    def note_cancelled_visit(self, session: Session, event: JobCancelled) -> None:
        self._say(session, event.ticket_id, "visit_cancelled", job_id=event.job_id)

    def _visit(self, session: Session, event: JobOpened | JobPlanned) -> None:
        name = self._name(session, event.technician_id)
        params: dict[str, Any] = {"job_id": event.job_id}
        if event.planned_for_s is None:
            self._say(session, event.ticket_id, "visit_open", **params)
            return
        params["planned_for_s"] = event.planned_for_s
        if name is None:
            self._say(session, event.ticket_id, "visit_planned", **params)
        else:
            self._say(session, event.ticket_id, "visit_assigned", name=name, **params)

    def _name(self, session: Session, user_id: int | None) -> str | None:
        user = accounts.user_by_id(session, user_id) if user_id is not None else None
        return user.name if user else None

    def _say(self, session: Session, ticket_id: int, code: str, **params: Any) -> None:
        service.say(session, ticket_id, code, now=self._clock.now(), **params)

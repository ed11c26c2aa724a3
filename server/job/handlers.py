"""What jobs do when something happens to a case or its ticket."""

from __future__ import annotations

from sqlalchemy.orm import Session

from server.incident.events import IncidentWorsened
from server.job import opening
from server.job.rules import HandsRule
from server.kit.clock import Clock
from server.ticket import repository as tickets
from server.ticket.events import TicketOpened, TicketReopened
from server.ticket.model import Ticket


class JobHandlers:
    """Made once, with the process's clock and the rules of the data directory."""

    def __init__(self, clock: Clock, rules: tuple[HandsRule, ...]) -> None:
        self._clock = clock
        self._rules = rules

    def open_job(self, session: Session, event: TicketOpened) -> None:
        self._consider(session, tickets.ticket_by_id(session, event.ticket_id))

    def reconsider(self, session: Session, event: IncidentWorsened) -> None:
        """What needed no hands at first may need them now."""
        self._consider(session, tickets.ticket_of_incident(session, event.incident_id))

    def open_job_again(self, session: Session, event: TicketReopened) -> None:
        """A relapse after a finished visit needs another."""
        if event.reason == "relapse":
            self._consider(session, tickets.ticket_by_id(session, event.ticket_id))

    def _consider(self, session: Session, ticket: Ticket | None) -> None:
        if ticket is not None:
            opening.open_if_needed(session, ticket, rules=self._rules, now=self._clock.now())

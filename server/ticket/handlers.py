"""What tickets do when something happens to their case."""

from __future__ import annotations

from sqlalchemy.orm import Session

from server.incident.events import (
    IncidentClosed,
    IncidentEvent,
    IncidentOpened,
    IncidentRecovered,
    IncidentRelapsed,
    IncidentWorsened,
)
from server.incident.model import Incident
from server.kit.clock import Clock
from server.kit.events import publish
from server.kit.settings import Settings
from server.ticket import lifecycle, repository
from server.ticket.events import TicketRecovering
from server.ticket.model import Ticket
from server.ticket.states import UNFINISHED, Priority


class TicketHandlers:
    """Made once, with the process's clock and settings."""

    def __init__(self, clock: Clock, settings: Settings) -> None:
        self._clock = clock
        self._settings = settings

    def open_ticket(self, session: Session, event: IncidentOpened) -> None:
        incident = session.get_one(Incident, event.incident_id)
        now = self._clock.now()
        lifecycle.open_for_incident(session, incident, now=now, settings=self._settings)

    def raise_priority(self, session: Session, event: IncidentWorsened) -> None:
        """Up with the case's severity, never down; the subject follows the leading finding."""
        ticket = self._ticket(session, event)
        if ticket is None or ticket.state not in UNFINISHED:
            return
        incident = session.get_one(Incident, event.incident_id)
        ticket.subject_code = incident.kind
        deserved = Priority.of_severity(incident.severity)
        if deserved.rank > ticket.priority.rank:
            ticket.priority = deserved

    def note_recovery(self, session: Session, event: IncidentRecovered) -> None:
        """Say that the device is well and watched, if it still is when this is handled."""
        ticket = self._ticket(session, event)
        incident = session.get_one(Incident, event.incident_id)
        if ticket is None or ticket.state not in UNFINISHED or incident.watch_until is None:
            return
        note = TicketRecovering(ticket_id=ticket.id, watch_until_s=incident.watch_until.timestamp())
        publish(session, note, now=self._clock.now())

    def close(self, session: Session, event: IncidentClosed) -> None:
        ticket = self._ticket(session, event)
        if ticket is not None:
            lifecycle.end(session, ticket, now=self._clock.now())

    def reopen(self, session: Session, event: IncidentRelapsed) -> None:
        ticket = self._ticket(session, event)
        if ticket is not None:
            now = self._clock.now()
            lifecycle.relapse(session, ticket, now=now, settings=self._settings)

    def _ticket(self, session: Session, event: IncidentEvent) -> Ticket | None:
        return repository.ticket_of_incident(session, event.incident_id)

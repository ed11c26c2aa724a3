"""Verdicts and owners' thumbs, told to the detectors as labels."""

from __future__ import annotations

from sqlalchemy.orm import Session

from anomaly.tuning import Label
from field_service import Outcome
from server.detection import tuning
from server.incident.model import Incident
from server.job import repository
from server.job.events import JobFinished
from server.kit.clock import Clock
from server.ticket import repository as tickets
from server.ticket.events import TicketFeedbackGiven
from server.ticket.states import Feedback

_OF_VERDICT = {
    Outcome.CONFIRMED: Label.CONFIRMED,
    Outcome.DIFFERENT_FAULT: Label.CONFIRMED,
    Outcome.NO_FAULT_FOUND: Label.NO_FAULT,
    Outcome.EXTERNAL_CAUSE: Label.NEITHER,
}
_UNANNOUNCED = {Outcome.CONFIRMED: Label.MISSED, Outcome.DIFFERENT_FAULT: Label.MISSED}
"""A visit that the owner asked for, not a finding: where it found a fault, the detectors did not."""
_OF_THUMB = {Feedback.USEFUL: Label.USEFUL, Feedback.NOT_USEFUL: Label.NOT_USEFUL}


class LabelHandlers:
    """Made once, with the process's clock. A word that changes replaces the one before."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def after_visit(self, session: Session, event: JobFinished) -> None:
        job = repository.job_by_id(session, event.job_id)
        if job is None or job.verdict is None or job.finished_at is None:
            return
        incident = session.get(Incident, job.incident_id) if job.incident_id else None
        meaning = _OF_VERDICT if incident else _UNANNOUNCED
        tuning.note_label(
            session,
            f"job:{job.id}",
            job.device_id,
            meaning.get(job.verdict),
            kind=incident.kind if incident else "",
            component=incident.component if incident else "",
            at=job.finished_at,
            now=self._clock.now(),
        )

    def after_thumb(self, session: Session, event: TicketFeedbackGiven) -> None:
        ticket = tickets.ticket_by_id(session, event.ticket_id)
        incident = (
            session.get(Incident, ticket.incident_id) if ticket and ticket.incident_id else None
        )
        if ticket is None or incident is None:
            return  # an owner's own question says nothing of the detectors
        now = self._clock.now()
        tuning.note_label(
            session,
            f"ticket:{ticket.id}",
            ticket.device_id,
            _OF_THUMB[ticket.feedback] if ticket.feedback else None,
            kind=incident.kind,
            component=incident.component,
            at=ticket.feedback_at or now,
            now=now,
        )

"""The only SQL of the views: reads across the stages, mostly counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from field_service import JobState, Outcome
from server.account.model import User
from server.account.viewer import Role
from server.detection.model import FindingRecord
from server.incident.model import Incident
from server.incident.states import IncidentState
from server.job.model import Job
from server.ticket.model import Ticket
from server.ticket.states import Feedback, TicketKind


@dataclass(frozen=True, slots=True)
class Case:
    """A case with what became of it; times as on the records."""

    incident: Incident
    finding: FindingRecord
    """The leading one."""
    ticket: Ticket | None


def cases(session: Session, *, since: datetime, until: datetime) -> Sequence[Case]:
    """Cases opened in [since, until), oldest first."""
    rows = session.execute(
        select(Incident, FindingRecord, Ticket)
        .join(FindingRecord, FindingRecord.id == Incident.leading_finding_id)
        .outerjoin(Ticket, Ticket.incident_id == Incident.id)
        .where(Incident.opened_at >= since, Incident.opened_at < until)
        .order_by(Incident.id)
    )
    return [Case(row[0], row[1], row[2]) for row in rows]


def requests(session: Session, *, since: datetime, until: datetime) -> Sequence[Ticket]:
    """Tickets that owners opened themselves in [since, until), oldest first."""
    return session.scalars(
        select(Ticket)
        .join(User, User.id == Ticket.opened_by_id)
        .where(
            Ticket.kind == TicketKind.ASKED,
            User.role == Role.OWNER,
            Ticket.opened_at >= since,
            Ticket.opened_at < until,
        )
        .order_by(Ticket.id)
    ).all()


def had_case(session: Session, device_id: str, at: datetime) -> bool:
    """Whether a case of the device was on record, open or watched, at `at`."""
    found = session.scalar(
        select(Incident.id)
        .where(
            Incident.device_id == device_id,
            Incident.opened_at <= at,
            or_(Incident.closed_at.is_(None), Incident.closed_at >= at),
        )
        .limit(1)
    )
    return found is not None


def verdicts(session: Session, *, since: datetime, until: datetime) -> dict[Outcome, int]:
    """How often each verdict was given on visits for a case finished in [since, until)."""
    rows = session.execute(
        select(Job.verdict, func.count())
        .where(
            Job.incident_id.is_not(None),
            Job.verdict.is_not(None),
            Job.finished_at >= since,
            Job.finished_at < until,
        )
        .group_by(Job.verdict)
    )
    return {row[0]: row[1] for row in rows if row[0] is not None}


def thumbs(session: Session, *, since: datetime, until: datetime) -> dict[Feedback, int]:
    """How often owners judged a case useful or not, by when they said so."""
    rows = session.execute(
        select(Ticket.feedback, func.count())
        .where(
            Ticket.incident_id.is_not(None),
            Ticket.feedback.is_not(None),
            Ticket.feedback_at >= since,
            Ticket.feedback_at < until,
        )
        .group_by(Ticket.feedback)
    )
    return {row[0]: row[1] for row in rows if row[0] is not None}


def visited_incidents(session: Session, incident_ids: Sequence[int]) -> frozenset[int]:
    """Those cases on which a visit began."""
    rows = session.scalars(
        select(Job.incident_id).where(
            Job.incident_id.in_(incident_ids), Job.started_at.is_not(None)
        )
    )
    return frozenset(row for row in rows if row is not None)


def visits_called_off(session: Session, *, since: datetime, until: datetime) -> int:
    """Visits for cases opened in [since, until), cancelled before they began, whose case had recovered."""
    return (
        session.scalar(
            select(func.count())
            .select_from(Job)
            .join(Incident, Incident.id == Job.incident_id)
            .where(
                Incident.opened_at >= since,
                Incident.opened_at < until,
                Incident.state != IncidentState.OPEN,
                Job.state == JobState.CANCELLED,
                Job.started_at.is_(None),
            )
        )
        or 0
    )

"""How a field job comes to be: the rule says that hands are needed, a technician is chosen."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from field_service import JobAction, JobState, Technician, choose, plan_visit
from server.account import repository as accounts
from server.account.viewer import Role
from server.device import repository as devices
from server.incident import repository as incidents
from server.incident.states import IncidentState
from server.job import repository
from server.job.events import JobOpened
from server.job.model import Job, JobStep
from server.job.rules import HandsRule, needs_hands
from server.kit.events import publish
from server.ticket import lifecycle as tickets
from server.ticket.model import Ticket
from server.ticket.states import UNFINISHED


def open_if_needed(
    session: Session, ticket: Ticket, *, rules: tuple[HandsRule, ...], now: datetime
) -> Job | None:
    """The job that the ticket's case needs; None where none is needed or one is under way."""
    if ticket.incident_id is None or ticket.state not in UNFINISHED:
        return None
    incident = incidents.incident_by_id(session, ticket.incident_id)
    if incident is None or incident.state is not IncidentState.OPEN:
        return None
    findings = [record for _, record in incidents.members(session, incident.id)]
    wanting = [
        record
        for record in findings
        if record.ended_at is None
        and needs_hands(record.kind, map(str, record.metrics), record.severity, rules)
    ]
    if not wanting or repository.unfinished_of_ticket(session, ticket.id) is not None:
        return None
    worst = max(wanting, key=lambda r: (r.severity * r.confidence, r.id))
    metrics = [*worst.metrics, *(m for record in wanting for m in record.metrics)]
    return open_job(session, ticket, kind=worst.kind, metrics=list(map(str, metrics)), now=now)


def open_job(
    session: Session, ticket: Ticket, *, kind: str, metrics: list[str], now: datetime
) -> Job:
    """A new job on the ticket's device, for the least loaded technician with the skill if any."""
    plan = plan_visit(kind, metrics)
    device = devices.by_id(session, ticket.device_id)
    technician = _least_loaded(session, plan.skill)
    state = JobState.OPEN if technician is None else JobState.ASSIGNED
    job = Job(
        incident_id=ticket.incident_id,
        ticket_id=ticket.id,
        device_id=ticket.device_id,
        site=device.site if device else "",
        skill=plan.skill,
        technician_id=technician,
        state=state,
        planned_for=planned_time(now, ticket.due_at),
        tasks=list(plan.tasks),
        bring=plan.bring(),
        created_at=now,
        version=1,
    )
    session.add(job)
    session.flush()
    if technician is not None:
        session.add(JobStep(job_id=job.id, action=JobAction.ASSIGN, state=state, at=now))
    tickets.visit_opened(session, ticket.id)
    opened = JobOpened(
        job_id=job.id,
        ticket_id=ticket.id,
        device_id=job.device_id,
        technician_id=technician,
        planned_for_s=job.planned_for.timestamp() if job.planned_for else None,
    )
    publish(session, opened, now=now)
    return job


def planned_time(now: datetime, due_at: datetime) -> datetime:
    """Halfway to the promise, on the hour: room for a second try before it slips."""
    halfway = now + max(due_at - now, timedelta(hours=1)) / 2
    return halfway.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)


def _least_loaded(session: Session, skill: str) -> int | None:
    people = [user.id for user in accounts.users(session, roles=(Role.TECHNICIAN,))]
    load = repository.load_of(session, people)
    chosen = choose((Technician(user_id, load[user_id]) for user_id in people), skill)
    return chosen.id if chosen else None

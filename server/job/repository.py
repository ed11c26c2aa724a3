"""The only SQL on field jobs."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from field_service import JOB_LIFE_CYCLE, JobState
from server.job.model import Job, JobStep

UNFINISHED = frozenset(JobState) - JOB_LIFE_CYCLE.final


def job_by_id(session: Session, job_id: int) -> Job | None:
    return session.get(Job, job_id)


def job_for_change(session: Session, job_id: int) -> Job | None:
    """Locked until the transaction ends, where the database locks rows."""
    return session.scalar(
        select(Job)
        .where(Job.id == job_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )


def unfinished_of_ticket(session: Session, ticket_id: int) -> Job | None:
    return session.scalar(
        select(Job).where(Job.ticket_id == ticket_id, Job.state.in_(UNFINISHED)).limit(1)
    )


def jobs_of_ticket(session: Session, ticket_id: int) -> Sequence[Job]:
    return session.scalars(select(Job).where(Job.ticket_id == ticket_id).order_by(Job.id)).all()


def step_by_client_id(session: Session, job_id: int, client_id: str) -> JobStep | None:
    return session.scalar(
        select(JobStep).where(JobStep.job_id == job_id, JobStep.client_id == client_id)
    )


def steps(session: Session, job_id: int) -> Sequence[JobStep]:
    return session.scalars(
        select(JobStep).where(JobStep.job_id == job_id).order_by(JobStep.id)
    ).all()


def load_of(session: Session, user_ids: Collection[int]) -> dict[int, int]:
    """Unfinished jobs of each user; 0 for those without."""
    rows = session.execute(
        select(Job.technician_id, func.count())
        .where(Job.technician_id.in_(user_ids), Job.state.in_(UNFINISHED))
        .group_by(Job.technician_id)
    )
    counted = {row[0]: row[1] for row in rows}
    return {user_id: counted.get(user_id, 0) for user_id in user_ids}


def jobs(
    session: Session,
    *,
    technician_id: int | None = None,
    or_unassigned: bool = False,
    states: Collection[JobState] = (),
    device_id: str | None = None,
    before_id: int | None = None,
    limit: int = 50,
) -> Sequence[Job]:
    """Newest first; `technician_id` keeps to that person's, `or_unassigned` adds what is free."""
    query = select(Job).order_by(Job.id.desc()).limit(limit)
    if technician_id is not None:
        mine = Job.technician_id == technician_id
        query = query.where(or_(mine, Job.technician_id.is_(None)) if or_unassigned else mine)
    if states:
        query = query.where(Job.state.in_(states))
    if device_id is not None:
        query = query.where(Job.device_id == device_id)
    if before_id is not None:
        query = query.where(Job.id < before_id)
    return session.scalars(query).all()


def in_order_of_work(session: Session, *, technician_id: int | None, limit: int) -> Sequence[Job]:
    """Unfinished jobs of a technician (None: free ones), by planned time, unplanned last."""
    whose = (
        Job.technician_id.is_(None) if technician_id is None else Job.technician_id == technician_id
    )
    return session.scalars(
        select(Job)
        .where(whose, Job.state.in_(UNFINISHED))
        .order_by(Job.planned_for.is_(None), Job.planned_for, Job.id)
        .limit(limit)
    ).all()


def visits_touching(
    session: Session, device_id: str, *, since: datetime, until: datetime
) -> Sequence[Job]:
    """Visits planned for or made in [since, until), oldest first."""
    begin = func.coalesce(Job.started_at, Job.planned_for, Job.created_at)
    return session.scalars(
        select(Job)
        .where(
            Job.device_id == device_id,
            begin < until,
            func.coalesce(Job.finished_at, begin) >= since,
        )
        .order_by(begin, Job.id)
    ).all()

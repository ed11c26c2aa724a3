"""Field jobs, for technicians and the desk."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from sqlalchemy.orm import Session

from field_service import JobState
from server.account.dependencies import CurrentViewer
from server.job import repository, service
from server.job.model import Job
from server.job.schemas import JobDetail, JobView, Plan, StepView, Transition, possible
from server.kit.paging import (
    DEFAULT_LIMIT,
    Cursor,
    Limit,
    Page,
    RowId,
    decode_int_cursor,
    next_cursor,
)
from server.kit.web import Now, Reading, Writing

router = APIRouter(tags=["jobs"])


@router.get("/jobs")
def list_jobs(
    *,
    viewer: CurrentViewer,
    session: Reading,
    state: Annotated[list[JobState], Query()] = [],  # noqa: B006 - FastAPI copies it
    device: Annotated[str | None, Query(max_length=64)] = None,
    technician: Annotated[RowId | None, Query()] = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Page[JobView]:
    """Newest first; a technician sees his own and those that nobody has."""
    rows = service.jobs(
        session,
        viewer,
        states=state,
        device_id=device,
        technician_id=technician,
        before_id=decode_int_cursor(cursor),
        limit=limit + 1,
    )
    shown = rows[:limit]
    return Page(
        items=[JobView.model_validate(row) for row in shown],
        next_cursor=next_cursor(rows, limit, shown[-1].id if shown else None),
    )


@router.get("/jobs/{job_id}")
def read_job(job_id: RowId, viewer: CurrentViewer, session: Reading) -> JobDetail:
    """With what may be done next and what was done so far."""
    return _detail(session, service.visible(session, viewer, job_id))


@router.post("/jobs/{job_id}/transition")
def move_job(
    job_id: RowId, body: Transition, viewer: CurrentViewer, session: Writing, now: Now
) -> JobDetail:
    """Assign (a technician without `technician_id` takes it), travel, start, pause, finish…"""
    job = service.transition(session, viewer, job_id, body.as_step(), now=now)
    return _detail(session, job)


@router.patch("/jobs/{job_id}")
def plan_job(
    job_id: RowId, body: Plan, viewer: CurrentViewer, session: Writing, now: Now
) -> JobDetail:
    """Another time for a visit that has not begun."""
    return _detail(session, service.plan(session, viewer, job_id, body.planned_for, now=now))


def _detail(session: Session, job: Job) -> JobDetail:
    return JobDetail(
        job=JobView.model_validate(job),
        possible=possible(job),
        steps=[StepView.model_validate(row) for row in repository.steps(session, job.id)],
    )

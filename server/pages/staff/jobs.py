"""`/staff/jobs`: visits, who makes them and when."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Form
from starlette.requests import Request
from starlette.responses import Response

from field_service import JOB_LIFE_CYCLE, JobAction, JobState
from server.account import repository as accounts
from server.account.dependencies import DeskViewer
from server.account.viewer import Role
from server.job import service as jobs
from server.job.repository import UNFINISHED
from server.job.service import Step
from server.kit.errors import BadInput
from server.kit.paging import Cursor, RowId, decode_int_cursor, next_cursor
from server.kit.web import Now, Reading, Writing
from server.pages.layout.charts import Telemetry
from server.pages.layout.forms import see
from server.pages.layout.rendering import page, reader
from server.pages.technician.views import job_rows, job_view

router = APIRouter(prefix="/jobs")

PAGE = 50


@router.get("")
def listing(
    request: Request,
    viewer: DeskViewer,
    session: Reading,
    view: Literal["open", "ended"] = "open",
    cursor: Cursor = None,
) -> Response:
    states = UNFINISHED if view == "open" else JOB_LIFE_CYCLE.final
    rows = jobs.jobs(
        session, viewer, states=states, before_id=decode_int_cursor(cursor), limit=PAGE + 1
    )
    shown = rows[:PAGE]
    technicians = accounts.users_by_ids(
        session, {j.technician_id for j in shown if j.technician_id}
    )
    return page(
        request,
        "staff/jobs.html",
        user=viewer,
        rows=job_rows(session, shown),
        technicians=technicians,
        view=view,
        older=next_cursor(rows, PAGE, shown[-1].id if shown else None),
    )


@router.get("/{job_id}")
def show(
    request: Request, viewer: DeskViewer, session: Reading, store: Telemetry, job_id: RowId
) -> Response:
    job = jobs.visible(session, viewer, job_id)
    possible = JOB_LIFE_CYCLE.actions(job.state)
    return page(
        request,
        "staff/job.html",
        user=viewer,
        view=job_view(session, viewer, reader(request, viewer), job),
        latest=store.latest(job.device_id),
        technicians=accounts.users(session, roles=(Role.TECHNICIAN,)),
        may_assign=JobAction.ASSIGN in possible,
        may_plan=job.state in (JobState.OPEN, JobState.ASSIGNED),
        may_cancel=JobAction.CANCEL in possible,
    )


@router.post("/{job_id}/assign")
def assign(
    viewer: DeskViewer,
    session: Writing,
    now: Now,
    *,
    job_id: RowId,
    technician: Annotated[RowId, Form()],
) -> Response:
    step = Step(action=JobAction.ASSIGN, technician_id=technician)
    jobs.transition(session, viewer, job_id, step, now=now)
    return see(f"/staff/jobs/{job_id}", "assigned")


@router.post("/{job_id}/plan")
def plan(
    request: Request,
    viewer: DeskViewer,
    session: Writing,
    now: Now,
    *,
    job_id: RowId,
    planned_for: Annotated[str, Form(max_length=30)],
) -> Response:
    """`planned_for` as a `datetime-local` field sends it: in the reader's own time zone."""
    try:
        local = datetime.fromisoformat(planned_for)
    except ValueError as error:
        raise BadInput("planned_for", "is not a date and time") from error
    at = local.replace(tzinfo=reader(request, viewer).timezone)
    jobs.plan(session, viewer, job_id, at, now=now)
    return see(f"/staff/jobs/{job_id}", "planned")


@router.post("/{job_id}/cancel")
def cancel(viewer: DeskViewer, session: Writing, now: Now, job_id: RowId) -> Response:
    jobs.transition(session, viewer, job_id, Step(action=JobAction.CANCEL), now=now)
    return see(f"/staff/jobs/{job_id}", "cancelled")

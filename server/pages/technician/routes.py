"""Pages of a technician: his jobs and those free to take."""

from __future__ import annotations

import secrets
from typing import Annotated

from fastapi import APIRouter, Depends, Form
from starlette.requests import Request
from starlette.responses import Response

from field_service import JobAction, Outcome
from server.account.dependencies import require
from server.account.viewer import Role, Viewer
from server.job import service as jobs
from server.job.service import Step
from server.kit.errors import BadInput
from server.kit.paging import RowId
from server.kit.web import Now, Reading, Writing
from server.pages.layout.charts import Telemetry
from server.pages.layout.forms import CSRF, see
from server.pages.layout.rendering import page, reader
from server.pages.technician.views import job_list, job_rows, job_view
from server.telemetry.store import TelemetryStore

router = APIRouter(dependencies=[CSRF], include_in_schema=False)

Technician = Annotated[Viewer, Depends(require(Role.TECHNICIAN))]


@router.get("/jobs")
def mine(request: Request, viewer: Technician, session: Reading) -> Response:
    view = job_list(session, viewer, reader(request, viewer))
    return page(
        request,
        "technician/jobs.html",
        user=viewer,
        view=view,
        free=len(jobs.free(session, viewer)),
    )


@router.get("/jobs/open")
def free(request: Request, viewer: Technician, session: Reading) -> Response:
    rows = job_rows(session, jobs.free(session, viewer))
    return page(request, "technician/open.html", user=viewer, rows=rows)


@router.get("/jobs/{job_id}")
def show(
    request: Request, viewer: Technician, session: Reading, store: Telemetry, job_id: RowId
) -> Response:
    return _job(request, viewer, session, store, job_id)


@router.post("/jobs/{job_id}/step")
def step(
    request: Request,
    viewer: Technician,
    session: Writing,
    store: Telemetry,
    now: Now,
    *,
    job_id: RowId,
    action: Annotated[JobAction, Form()],
    version: Annotated[int | None, Form()] = None,
    client_id: Annotated[str | None, Form(max_length=64)] = None,
    verdict: Annotated[Outcome | None, Form()] = None,
    component: Annotated[str, Form()] = "",
    work_done: Annotated[str, Form()] = "",
    note: Annotated[str, Form()] = "",
) -> Response:
    wanted = Step(
        action=action,
        verdict=verdict,
        component=component,
        work_done=work_done,
        note=note,
        client_id=client_id,
        version=version,
    )
    try:
        jobs.transition(session, viewer, job_id, wanted, now=now)
    except BadInput as error:
        return _job(request, viewer, session, store, job_id, form=wanted, wrong=error.field)
    if action is JobAction.RELEASE:
        return see("/jobs")
    return see(f"/jobs/{job_id}")


def _job(
    request: Request,
    viewer: Viewer,
    session: Reading,
    store: TelemetryStore,
    job_id: RowId,
    *,
    form: Step | None = None,
    wrong: str = "",
) -> Response:
    job = jobs.visible(session, viewer, job_id)
    return page(
        request,
        "technician/job.html",
        user=viewer,
        status=422 if wrong else 200,
        view=job_view(session, viewer, reader(request, viewer), job),
        latest=store.latest(job.device_id),
        form=form or Step(action=JobAction.FINISH),
        wrong=wrong,
        client_id=secrets.token_urlsafe(12),
    )

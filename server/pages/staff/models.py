"""`/staff/models`: what failures taught about each model of device, and which version is asked."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form
from starlette.requests import Request
from starlette.responses import Response

from server.account.dependencies import DeskViewer
from server.detection import fleet_models, repository
from server.kit.web import Now, Reading, Writing
from server.pages.layout.forms import see
from server.pages.layout.rendering import page

router = APIRouter(prefix="/models")


@router.get("")
def listing(request: Request, viewer: DeskViewer, session: Reading, now: Now) -> Response:
    return page(
        request,
        "staff/models.html",
        user=viewer,
        rows=repository.fleet_models(session),
        waiting=fleet_models.waiting(session, now=now),
        least=fleet_models.LEAST_FAILURES,
    )


@router.post("/use")
def use(
    viewer: DeskViewer,
    session: Writing,
    *,
    cohort: Annotated[str, Form(max_length=128)],
    kind: Annotated[str, Form(max_length=16)],
    version: Annotated[int, Form(ge=0)],
) -> Response:
    """Another version is asked from the next look on; 0: none."""
    fleet_models.use(session, cohort, kind, version, by=viewer.name)
    return see("/staff/models", "changed")

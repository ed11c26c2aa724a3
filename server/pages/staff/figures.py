"""`/staff/figures`: how proactive we are, each figure with what it counts."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from server.account.dependencies import DeskViewer
from server.insight.proactive import proactive
from server.kit.web import Now, Reading
from server.pages.layout.rendering import page

router = APIRouter(prefix="/figures")


@router.get("")
def figures(
    request: Request,
    viewer: DeskViewer,
    session: Reading,
    now: Now,
    days: Annotated[int, Query(ge=1, le=730)] = 90,
) -> Response:
    found = proactive(session, since=now - timedelta(days=days), until=now)
    return page(request, "staff/figures.html", user=viewer, found=found, days=days)

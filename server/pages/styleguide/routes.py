"""`/styleguide`: every component with plausible content."""

from __future__ import annotations

import math
from datetime import timedelta

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from server.account.dependencies import OptionalViewer
from server.kit.web import Now
from server.pages.layout.rendering import page

router = APIRouter(include_in_schema=False)


@router.get("/styleguide")
def styleguide(request: Request, viewer: OptionalViewer, now: Now) -> Response:
    points = " ".join(f"{x},{15 - 11 * math.sin(x / 9):.1f}" for x in range(0, 101, 2))
    return page(
        request,
        "styleguide/styleguide.html",
        user=viewer,
        now=now,
        soon=now + timedelta(hours=2),
        later=now + timedelta(days=2),
        late=now - timedelta(hours=5),
        curve=[points],
    )

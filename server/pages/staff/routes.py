"""The table of contents of the desk's pages."""

from __future__ import annotations

from fastapi import APIRouter

from server.pages.layout.forms import CSRF
from server.pages.staff import (
    devices,
    figures,
    jobs,
    models,
    people,
    quarantine,
    queue,
    tickets,
    tuning,
)

router = APIRouter(prefix="/staff", dependencies=[CSRF], include_in_schema=False)
for part in (queue, tickets, devices, jobs, quarantine, figures, models, tuning, people):
    router.include_router(part.router)

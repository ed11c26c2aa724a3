"""`/api/v1/models`: what failures taught about each model of device, and which version is asked."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from server.account.dependencies import DeskViewer
from server.detection import fleet_models, repository
from server.detection.schemas import FleetModelUse, FleetModelView, WaitingCohort
from server.kit.paging import (
    DEFAULT_LIMIT,
    Cursor,
    Limit,
    Page,
    decode_int_cursor,
    next_cursor,
)
from server.kit.web import Now, Reading, Writing

router = APIRouter(prefix="/models", tags=["fleet models"])

Cohort = Annotated[str | None, Query(max_length=128, description="a model, in lower case")]
InUse = Annotated[bool | None, Query(description="only those that are asked, or only the others")]


@router.get("")
def list_models(
    *,
    _viewer: DeskViewer,
    session: Reading,
    cohort: Cohort = None,
    in_use: InUse = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Page[FleetModelView]:
    """Every version, newest first; `in_use=true`: those that the server asks now."""
    rows = repository.newest_fleet_models(
        session,
        cohort=cohort,
        in_use=in_use,
        before_id=decode_int_cursor(cursor),
        limit=limit + 1,
    )
    shown = rows[:limit]
    return Page(
        items=[FleetModelView.model_validate(row) for row in shown],
        next_cursor=next_cursor(rows, limit, shown[-1].id if shown else None),
    )


@router.get("/waiting")
def list_waiting(_viewer: DeskViewer, session: Reading, now: Now) -> list[WaitingCohort]:
    """Cohorts that nothing was learned of yet, with how many failures are known."""
    return [
        WaitingCohort(cohort=cohort, failures=failures, needed=fleet_models.LEAST_FAILURES)
        for cohort, failures in fleet_models.waiting(session, now=now)
    ]


@router.post("/use")
def use_model(session: Writing, viewer: DeskViewer, body: FleetModelUse) -> FleetModelView | None:
    """Another version is asked from the next look on; null: none is. The comparison may choose a newer one."""
    row = fleet_models.use(session, body.cohort, body.kind, body.version, by=viewer.name)
    return None if row is None else FleetModelView.model_validate(row)

"""Cases, to read: they open and close by themselves."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from server.account.dependencies import CurrentViewer
from server.incident import repository, service
from server.incident.schemas import FindingView, IncidentDetail, IncidentView
from server.incident.states import IncidentState
from server.kit.paging import (
    DEFAULT_LIMIT,
    Cursor,
    Limit,
    Page,
    RowId,
    decode_int_cursor,
    next_cursor,
)
from server.kit.web import Reading

router = APIRouter(tags=["incidents"])


@router.get("/incidents")
def list_incidents(
    *,
    viewer: CurrentViewer,
    session: Reading,
    state: Annotated[list[IncidentState], Query()] = [],  # noqa: B006 - FastAPI copies it
    device: Annotated[str | None, Query(max_length=64)] = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Page[IncidentView]:
    """Newest first; an owner sees those of his devices."""
    rows = repository.incidents(
        session,
        owner_id=None if viewer.sees_all_devices else viewer.user_id,
        states=state,
        device_id=device,
        before_id=decode_int_cursor(cursor),
        limit=limit + 1,
    )
    shown = rows[:limit]
    return Page(
        items=[IncidentView.model_validate(row) for row in shown],
        next_cursor=next_cursor(rows, limit, shown[-1].id if shown else None),
    )


@router.get("/incidents/{incident_id}")
def read_incident(incident_id: RowId, viewer: CurrentViewer, session: Reading) -> IncidentDetail:
    """With its findings, oldest onset first."""
    incident = service.visible(session, viewer, incident_id)
    findings = [
        FindingView.model_validate(record) for _, record in repository.members(session, incident.id)
    ]
    view = IncidentView.model_validate(incident)
    return IncidentDetail(**view.model_dump(), findings=findings)

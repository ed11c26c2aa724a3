"""Tickets: ask for help, read what is promised, change what one may."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query

from server.account.dependencies import CurrentViewer
from server.kit.paging import (
    DEFAULT_LIMIT,
    Cursor,
    Limit,
    Page,
    RowId,
    decode_int_cursor,
    next_cursor,
)
from server.kit.web import AppSettings, Now, Reading, Writing
from server.ticket import service
from server.ticket.schemas import TicketChange, TicketDetail, TicketRequest, TicketView, detail
from server.ticket.states import TicketState

router = APIRouter(tags=["tickets"])


@router.get("/tickets")
def list_tickets(
    *,
    viewer: CurrentViewer,
    session: Reading,
    state: Annotated[list[TicketState], Query()] = [],  # noqa: B006 - FastAPI copies it
    device: Annotated[str | None, Query(max_length=64)] = None,
    assignee: Annotated[RowId | Literal["me", "nobody"] | None, Query()] = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Page[TicketView]:
    """Newest first; an owner sees his own. `assignee` is a user's id, `me` or `nobody`."""
    rows = service.tickets(
        session,
        viewer,
        states=state,
        device_id=device,
        assignee_id=viewer.user_id
        if assignee == "me"
        else (assignee if isinstance(assignee, int) else None),
        unassigned=assignee == "nobody",
        before_id=decode_int_cursor(cursor),
        limit=limit + 1,
    )
    shown = rows[:limit]
    return Page(
        items=[TicketView.model_validate(row) for row in shown],
        next_cursor=next_cursor(rows, limit, shown[-1].id if shown else None),
    )


@router.post("/tickets", status_code=201)
def ask_for_help(
    body: TicketRequest, viewer: CurrentViewer, session: Writing, now: Now, settings: AppSettings
) -> TicketDetail:
    ticket = service.ask(
        session,
        viewer,
        device_id=body.device_id,
        subject=body.subject,
        description=body.description,
        priority=body.priority,
        now=now,
        settings=settings,
    )
    return detail(ticket, service.four_answers(session, ticket, settings))


@router.get("/tickets/{ticket_id}")
def read_ticket(
    ticket_id: RowId, viewer: CurrentViewer, session: Reading, settings: AppSettings
) -> TicketDetail:
    """With its four answers: what was noticed, by when it is dealt with, who, and what if late."""
    ticket = service.visible(session, viewer, ticket_id)
    return detail(ticket, service.four_answers(session, ticket, settings))


@router.patch("/tickets/{ticket_id}")
def change_ticket(
    *,
    ticket_id: RowId,
    body: TicketChange,
    viewer: CurrentViewer,
    session: Writing,
    now: Now,
    settings: AppSettings,
) -> TicketDetail:
    """The desk changes anything; an owner closes, reopens and says whether it was useful."""
    ticket = service.change(session, viewer, ticket_id, body.as_changes(), now=now)
    return detail(ticket, service.four_answers(session, ticket, settings))

"""`/staff/queue`: what to deal with next."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from server.account.dependencies import DeskViewer
from server.kit.paging import Cursor, decode_int_cursor, next_cursor
from server.kit.web import Reading
from server.pages.case_views import case_views
from server.pages.layout.rendering import page
from server.ticket import service as tickets
from server.ticket.states import ENDED, TicketState

router = APIRouter()

PAGE = 50
MOST_OPEN = 500

View = Literal["open", "mine", "free", "waiting", "ended"]


@router.get("/queue")
def queue(
    request: Request,
    viewer: DeskViewer,
    session: Reading,
    *,
    view: View = "open",
    device: Annotated[str, Query(max_length=64)] = "",
    cursor: Cursor = None,
) -> Response:
    unfinished = tickets.queue(session, viewer, limit=MOST_OPEN)
    counts = {
        "open": len(unfinished),
        "mine": sum(t.assignee_id == viewer.user_id for t in unfinished),
        "free": sum(t.assignee_id is None for t in unfinished),
        "waiting": sum(t.state is TicketState.WAITING for t in unfinished),
    }
    older = None
    if view == "ended":
        rows = tickets.tickets(
            session,
            viewer,
            states=ENDED,
            before_id=decode_int_cursor(cursor),
            limit=PAGE + 1,
        )
        shown = rows[:PAGE]
        older = next_cursor(rows, PAGE, shown[-1].id if shown else None)
    else:
        shown = [
            t
            for t in unfinished
            if view == "open"
            or (view == "mine" and t.assignee_id == viewer.user_id)
            or (view == "free" and t.assignee_id is None)
            or (view == "waiting" and t.state is TicketState.WAITING)
        ]
    if device:
        shown = [t for t in shown if t.device_id == device]
    return page(
        request,
        "staff/queue.html",
        user=viewer,
        rows=case_views(session, shown),
        view=view,
        counts=counts,
        older=older,
        more=counts["open"] == MOST_OPEN,
    )

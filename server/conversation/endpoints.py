"""A ticket's thread."""

from __future__ import annotations

from fastapi import APIRouter

from server.account.dependencies import CurrentViewer
from server.conversation import service
from server.conversation.schemas import MessageRequest, MessageView, view
from server.kit.paging import (
    DEFAULT_LIMIT,
    Cursor,
    Limit,
    Page,
    RowId,
    decode_int_cursor,
    next_cursor,
)
from server.kit.web import Now, Reading, Writing

router = APIRouter(tags=["conversation"])


@router.get("/tickets/{ticket_id}/messages")
def list_messages(
    ticket_id: RowId,
    viewer: CurrentViewer,
    session: Reading,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Page[MessageView]:
    """Oldest first."""
    rows = service.thread(
        session, viewer, ticket_id, after_id=decode_int_cursor(cursor), limit=limit + 1
    )
    shown = rows[:limit]
    return Page(
        items=[view(row) for row in shown],
        next_cursor=next_cursor(rows, limit, shown[-1].id if shown else None),
    )


@router.post("/tickets/{ticket_id}/messages", status_code=201)
def post_message(
    ticket_id: RowId, body: MessageRequest, viewer: CurrentViewer, session: Writing, now: Now
) -> MessageView:
    message = service.post(
        session,
        viewer,
        ticket_id,
        body.body,
        visible_to_owner=body.visible_to_owner,
        client_id=body.client_id,
        now=now,
    )
    return view(message)

"""`/staff/quarantine`: messages that were refused, and why. Nothing is dropped in silence."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from server.account.dependencies import DeskViewer
from server.ingest import quarantine
from server.kit.paging import Cursor, decode_int_cursor, next_cursor
from server.kit.text import one_line
from server.kit.web import Now, Reading
from server.pages.layout.rendering import page

router = APIRouter(prefix="/quarantine")

PAGE = 50
EXCERPT_BYTES = 300


@router.get("")
def listing(
    request: Request,
    viewer: DeskViewer,
    session: Reading,
    now: Now,
    *,
    device: Annotated[str, Query(max_length=64)] = "",
    cursor: Cursor = None,
) -> Response:
    rows = quarantine.newest_first(
        session,
        device_id=device or None,
        before_id=decode_int_cursor(cursor),
        limit=PAGE + 1,
    )
    shown = rows[:PAGE]
    return page(
        request,
        "staff/quarantine.html",
        user=viewer,
        rows=[(row, excerpt(row.payload)) for row in shown],
        device=device,
        today=quarantine.count(session, since=now - timedelta(days=1)),
        older=next_cursor(rows, PAGE, shown[-1].id if shown else None),
    )


def excerpt(payload: bytes) -> str:
    """The beginning of a message that may be anything, fit to be shown."""
    start = payload[:EXCERPT_BYTES]
    try:
        text = start.decode("utf-8", "strict" if len(payload) <= EXCERPT_BYTES else "ignore")
    except UnicodeDecodeError:
        return start[:100].hex(" ")
    printable = one_line(text, limit=EXCERPT_BYTES)
    return printable if len(printable) >= len(text) * 0.8 else start[:100].hex(" ")

"""`GET /api/v1/quarantine`: what was refused and why, for those who work the desk."""

from __future__ import annotations

import base64
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel

from server.account.dependencies import DeskViewer
from server.ingest import quarantine
from server.ingest.model import QuarantinedMessage
from server.kit.paging import DEFAULT_LIMIT, Cursor, Limit, Page, decode_int_cursor, next_cursor
from server.kit.web import Reading

router = APIRouter(tags=["quarantine"])


class QuarantinedMessageOut(BaseModel):
    """A refused message; `payload_base64` holds its beginning, `payload_bytes` its whole length.

    `messages` is how many the row stands for: 1; more where a device had so many refused that they are
    counted only; 0 for a notice about the device.
    """

    id: int
    device_id: str | None
    topic: str
    field: str
    reason: str
    payload_base64: str
    payload_bytes: int
    messages: int
    received_at: datetime

    @classmethod
    def of(cls, row: QuarantinedMessage) -> QuarantinedMessageOut:
        return cls(
            id=row.id,
            device_id=row.device_id,
            topic=row.topic,
            field=row.field,
            reason=row.reason,
            payload_base64=base64.b64encode(row.payload).decode(),
            payload_bytes=row.payload_bytes,
            messages=row.messages,
            received_at=row.received_at,
        )


@router.get("/quarantine")
def quarantined(
    session: Reading,
    _viewer: DeskViewer,
    device_id: Annotated[str | None, Query(max_length=64)] = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Page[QuarantinedMessageOut]:
    """Newest first."""
    rows = quarantine.newest_first(
        session, device_id=device_id, before_id=decode_int_cursor(cursor), limit=limit + 1
    )
    shown = rows[:limit]
    return Page(
        items=[QuarantinedMessageOut.of(row) for row in shown],
        next_cursor=next_cursor(rows, limit, shown[-1].id if shown else None),
    )

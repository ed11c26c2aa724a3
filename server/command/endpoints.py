"""Commands of one device: ask for one, read what became of them."""

from __future__ import annotations

from fastapi import APIRouter

from server.account.dependencies import CurrentViewer
from server.command import service
from server.command.schemas import CommandRequest, CommandView
from server.kit.errors import BadInput
from server.kit.paging import DEFAULT_LIMIT, Cursor, Limit, Page, decode_cursor, next_cursor
from server.kit.web import Now, Reading, Writing

router = APIRouter(tags=["commands"])


@router.post("/devices/{device_id}/commands", status_code=201)
def request_command(
    device_id: str, body: CommandRequest, viewer: CurrentViewer, session: Writing, now: Now
) -> CommandView:
    """Sent at once to an online device, otherwise when it comes back, until it expires."""
    command = service.request(
        session, viewer, device_id, body.name, body.args, expires_in_s=body.expires_in_s, now=now
    )
    return CommandView.model_validate(command)


@router.get("/devices/{device_id}/commands")
def list_commands(
    device_id: str,
    viewer: CurrentViewer,
    session: Reading,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Page[CommandView]:
    """Newest first."""
    before = decode_cursor(cursor)
    if before is not None and not service.is_command_id(before):
        raise BadInput("cursor", "not one that this server gave out")
    rows = service.visible_commands(session, viewer, device_id, before=before, limit=limit + 1)
    shown = rows[:limit]
    return Page(
        items=[CommandView.model_validate(row) for row in shown],
        next_cursor=next_cursor(rows, limit, shown[-1].id if shown else None),
    )


@router.get("/devices/{device_id}/commands/{command_id}")
def read_command(
    device_id: str, command_id: str, viewer: CurrentViewer, session: Reading
) -> CommandView:
    return CommandView.model_validate(
        service.visible_command(session, viewer, device_id, command_id)
    )

"""Images of firmware: staff keep them, devices that are asked to write one fetch it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.security import HTTPBasic, HTTPBasicCredentials

from server.account.dependencies import DeskViewer
from server.firmware import service
from server.firmware.model import MAX_NAME, MAX_WORD
from server.firmware.schemas import ImageView
from server.kit.errors import BadInput, NotSignedIn
from server.kit.paging import DEFAULT_LIMIT, Cursor, Limit, Page, decode_cursor, next_cursor
from server.kit.web import Now, Reading, Writing

router = APIRouter(tags=["firmware"])

_BYTES = {"schema": {"type": "string", "format": "binary"}}
_basic = HTTPBasic(auto_error=False, description="a device: its id and its password")


async def image_body(request: Request) -> bytes:
    """Read the body, never more of it than an image may have."""
    data = bytearray()
    async for piece in request.stream():
        data += piece
        if len(data) > service.MAX_IMAGE_BYTES:
            raise BadInput("image", f"is larger than {service.MAX_IMAGE_BYTES} bytes")
    return bytes(data)


@router.post(
    "/firmware",
    status_code=201,
    openapi_extra={
        "requestBody": {"required": True, "content": {"application/octet-stream": _BYTES}}
    },
)
def add_image(
    viewer: DeskViewer,
    session: Writing,
    now: Now,
    data: Annotated[bytes, Depends(image_body)],
    *,
    name: Annotated[str, Query(min_length=1, max_length=MAX_NAME)],
    version: Annotated[str, Query(max_length=MAX_WORD)] = "",
    hardware: Annotated[str, Query(max_length=MAX_WORD)] = "",
) -> ImageView:
    """Keep an image, given as the body as it is. The same bytes again give what is known of them."""
    image = service.add_image(
        session,
        data,
        name=name,
        version=version,
        hardware=hardware,
        added_by=viewer.user_id,
        now=now,
    )
    return ImageView.model_validate(image)


@router.get("/firmware")
def list_images(
    viewer: DeskViewer,  # noqa: ARG001 - it lets staff pass only
    session: Reading,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Page[ImageView]:
    rows = service.images(session, after=decode_cursor(cursor), limit=limit + 1)
    shown = rows[:limit]
    return Page(
        items=[ImageView.model_validate(row) for row in shown],
        next_cursor=next_cursor(rows, limit, shown[-1].sha256 if shown else None),
    )


@router.get(
    "/firmware/{sha256}",
    response_class=Response,
    responses={200: {"content": {"application/octet-stream": _BYTES}}},
)
def fetch_image(
    sha256: str,
    session: Reading,
    credentials: Annotated[HTTPBasicCredentials | None, Depends(_basic)],
) -> Response:
    """The bytes, for a device with an open command `flash` that names them; by its own id and password."""
    if credentials is None:
        raise NotSignedIn("a device signs in with its id and password")
    data = service.image_for_device(session, credentials.username, credentials.password, sha256)
    return Response(data, media_type="application/octet-stream")


@router.delete("/firmware/{sha256}", status_code=204)
def remove_image(
    sha256: str,
    viewer: DeskViewer,  # noqa: ARG001 - it lets staff pass only
    session: Writing,
) -> None:
    """Forget an image; refused while a device is asked to write it."""
    service.remove_image(session, sha256)

"""Decisions on images of firmware: which are taken, who gets which."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256

from sqlalchemy.orm import Session

from server.account.viewer import Viewer
from server.command import service as commands
from server.command.model import Command
from server.device.credentials import check_credentials
from server.firmware import repository
from server.firmware.model import MAX_NAME, MAX_WORD, FirmwareImage
from server.kit.errors import BadInput, Conflict, NotFound, NotSignedIn
from server.kit.text import one_line

MAX_IMAGE_BYTES = 4 * 1024 * 1024
"""As much as an agent takes unless it is told otherwise (`max_bytes`)."""

COMMAND = "flash"
"""The command that names an image; its argument `sha256` is what opens the download."""

UPDATE_EXPIRES_S = 86_400.0
"""A device that is away is asked when it comes back, for a day."""

_HASH = re.compile(r"[0-9a-f]{64}")


def add_image(
    session: Session,
    data: bytes,
    *,
    name: str,
    version: str = "",
    hardware: str = "",
    added_by: int | None = None,
    now: datetime,
) -> FirmwareImage:
    """Keep an image. The same bytes again change nothing and give what is known of them. Raises BadInput."""
    if not data:
        raise BadInput("image", "is empty")
    if len(data) > MAX_IMAGE_BYTES:
        raise BadInput("image", f"is larger than {MAX_IMAGE_BYTES} bytes")
    digest = sha256(data).hexdigest()
    known = repository.by_hash(session, digest)
    if known is not None:
        return known
    image = FirmwareImage(
        sha256=digest,
        name=_text("name", name, MAX_NAME, required=True),
        version=_text("version", version, MAX_WORD),
        hardware=_text("hardware", hardware, MAX_WORD),
        size_bytes=len(data),
        added_by=added_by,
        added_at=now,
        data=data,
    )
    session.add(image)
    session.flush()
    return image


def images(session: Session, *, after: str | None, limit: int) -> Sequence[FirmwareImage]:
    """In the order of their hashes. Raises BadInput for a cursor that is none."""
    if after is not None and not is_hash(after):
        raise BadInput("cursor", "not one that this server gave out")
    return repository.page(session, after=after, limit=limit)


def remove_image(session: Session, digest: str) -> None:
    """Forget an image. Raises NotFound, and Conflict while a device is asked to write it."""
    _known(session, digest)
    if any(
        each.args.get("sha256") == digest for each in repository.open_commands(session, COMMAND)
    ):
        raise Conflict("a device is asked to write this image")
    repository.remove(session, digest)


def request_update(
    session: Session,
    viewer: Viewer,
    device_id: str,
    digest: str,
    *,
    line: str = "",
    now: datetime,
) -> Command:
    """Ask a device to write an image to the microcontroller on its `line`, which must then say its version.

    Raises NotFound for an image that is not kept here, and what `server.command` raises.
    """
    image = _known(session, digest)
    args = {"sha256": digest, "version": image.version, "name": line}
    given = {name: value for name, value in args.items() if value}
    return commands.request(
        session, viewer, device_id, COMMAND, given, expires_in_s=UPDATE_EXPIRES_S, now=now
    )


def image_for_device(session: Session, device_id: str, password: str, digest: str) -> bytes:
    """Give an image to a device that is asked to write it, and to no other.

    Raises NotSignedIn for wrong credentials, NotFound for everything else.
    """
    if not check_credentials(session, device_id, password):
        raise NotSignedIn("device id and password do not fit")
    asked = repository.open_commands(session, COMMAND, device_id=device_id)
    if not any(each.args.get("sha256") == digest for each in asked):
        raise NotFound("this device is not asked to write such an image")
    return _known(session, digest).data


def is_hash(text: str) -> bool:
    return _HASH.fullmatch(text) is not None


def _known(session: Session, digest: str) -> FirmwareImage:
    image = repository.by_hash(session, digest) if is_hash(digest) else None
    if image is None:
        raise NotFound("no such image")
    return image


def _text(field: str, text: str, limit: int, *, required: bool = False) -> str:
    clean = one_line(text, limit=limit + 1).strip()
    if len(clean) > limit:
        raise BadInput(field, f"longer than {limit} characters")
    if required and not clean:
        raise BadInput(field, "is needed")
    return clean

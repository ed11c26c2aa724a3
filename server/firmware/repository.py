"""The only SQL on images of firmware."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from server.command.model import Command
from server.command.states import OPEN
from server.firmware.model import FirmwareImage


def by_hash(session: Session, sha256: str) -> FirmwareImage | None:
    return session.get(FirmwareImage, sha256)


def page(session: Session, *, after: str | None, limit: int) -> Sequence[FirmwareImage]:
    """In the order of their hashes, those behind `after`."""
    query = select(FirmwareImage)
    if after is not None:
        query = query.where(FirmwareImage.sha256 > after)
    return session.scalars(query.order_by(FirmwareImage.sha256).limit(limit)).all()


def open_commands(
    session: Session, name: str, *, device_id: str | None = None
) -> Sequence[Command]:
    """Commands of this name that are not answered yet, of one device or of all."""
    query = select(Command).where(Command.name == name, Command.status.in_(OPEN))
    if device_id is not None:
        query = query.where(Command.device_id == device_id)
    return session.scalars(query).all()


def remove(session: Session, sha256: str) -> None:
    session.execute(delete(FirmwareImage).where(FirmwareImage.sha256 == sha256))

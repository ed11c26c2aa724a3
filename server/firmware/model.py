"""Images of firmware, each once."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from server.kit.database import Base

MAX_NAME = 100
MAX_WORD = 64


class FirmwareImage(Base):
    """A file as it was given. `data` is loaded only where it is asked for."""

    __tablename__ = "firmware_image"

    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(MAX_NAME))
    version: Mapped[str] = mapped_column(String(MAX_WORD), default="")
    hardware: Mapped[str] = mapped_column(String(MAX_WORD), default="")
    size_bytes: Mapped[int]
    added_by: Mapped[int | None] = mapped_column(ForeignKey("account_user.id"))
    added_at: Mapped[datetime]
    data: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)

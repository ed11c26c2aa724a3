"""Messages that were refused, kept for people to look at."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from server.kit.database import Base

PAYLOAD_KEPT_BYTES = 64 * 1024


class QuarantinedMessage(Base):
    """One refusal, or `messages` of them that are only counted (none: a notice about the device).

    `payload` holds the first `PAYLOAD_KEPT_BYTES` of `payload_bytes`.
    """

    __tablename__ = "quarantined_message"
    __table_args__ = (Index("ix_quarantined_message_device", "device_id", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    device_id: Mapped[str | None] = mapped_column(String(64))
    topic: Mapped[str] = mapped_column(String(300))
    field: Mapped[str] = mapped_column(String(100))
    reason: Mapped[str] = mapped_column(String(500))
    payload: Mapped[bytes] = mapped_column(LargeBinary)
    payload_bytes: Mapped[int] = mapped_column(BigInteger)
    messages: Mapped[int] = mapped_column(default=1, server_default="1")
    position: Mapped[int] = mapped_column(BigInteger)
    received_at: Mapped[datetime]

"""Commands on record."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Enum, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from server.account.viewer import Role
from server.command.states import CommandStatus
from server.kit.database import Base

_STATUS = Enum(
    CommandStatus,
    native_enum=False,
    length=20,
    values_callable=lambda all_: [s.value for s in all_],
)
_ROLE = Enum(
    Role, native_enum=False, length=20, values_callable=lambda roles: [r.value for r in roles]
)


class Command(Base):
    """One command. `id` is a UUID that grows with time; the device runs each id once.

    `requested_by` is None where the server itself asked.
    """

    __tablename__ = "command"
    __table_args__ = (
        Index("ix_command_device_id_id", "device_id", "id"),
        Index("ix_command_status_next_send_at", "status", "next_send_at"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    device_id: Mapped[str] = mapped_column(ForeignKey("device.id"))
    name: Mapped[str] = mapped_column(String(64))
    args: Mapped[dict[str, Any]]
    requested_by: Mapped[int | None] = mapped_column(ForeignKey("account_user.id"))
    requested_role: Mapped[Role | None] = mapped_column(_ROLE)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    status: Mapped[CommandStatus] = mapped_column(_STATUS, default=CommandStatus.PENDING)
    attempts: Mapped[int] = mapped_column(default=0)
    next_send_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    output: Mapped[dict[str, Any] | None]
    finished_at: Mapped[datetime | None]

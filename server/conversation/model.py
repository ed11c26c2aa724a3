"""Messages."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from server.kit.database import Base

MAX_BODY = 10_000
ROLE_SYSTEM = "system"


class Message(Base):
    """A person's message has `body`; the system's has `code` and `params`, said by the pages.

    `client_id` is the sender's own id of it: sent again, it is not posted again.
    """

    __tablename__ = "message"
    __table_args__ = (
        Index("ix_message_ticket_id", "ticket_id", "id"),
        UniqueConstraint("ticket_id", "author_id", "client_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    ticket_id: Mapped[int] = mapped_column(ForeignKey("ticket.id"))
    author_id: Mapped[int | None] = mapped_column(ForeignKey("account_user.id"))
    author_role: Mapped[str] = mapped_column(String(20))
    body: Mapped[str | None] = mapped_column(Text)
    code: Mapped[str | None] = mapped_column(String(40))
    params: Mapped[dict[str, Any]]
    visible_to_owner: Mapped[bool]
    client_id: Mapped[str | None] = mapped_column(String(64))
    created_at: Mapped[datetime]

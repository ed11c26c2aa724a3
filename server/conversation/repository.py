"""The only SQL on messages."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.conversation.model import Message


def messages(
    session: Session,
    ticket_id: int,
    *,
    for_owner: bool,
    after_id: int | None = None,
    limit: int = 500,
) -> Sequence[Message]:
    """Oldest first; `for_owner` leaves out what is said among employees."""
    query = select(Message).where(Message.ticket_id == ticket_id).order_by(Message.id).limit(limit)
    if for_owner:
        query = query.where(Message.visible_to_owner)
    if after_id is not None:
        query = query.where(Message.id > after_id)
    return session.scalars(query).all()


def by_client_id(
    session: Session, ticket_id: int, author_id: int, client_id: str
) -> Message | None:
    return session.scalar(
        select(Message).where(
            Message.ticket_id == ticket_id,
            Message.author_id == author_id,
            Message.client_id == client_id,
        )
    )

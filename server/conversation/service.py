"""Decisions on messages: who may read and write in a ticket's thread. Callers own the transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from server.account.viewer import DESK, EMPLOYEES, Role, Viewer
from server.conversation import repository
from server.conversation.events import MessagePosted
from server.conversation.model import MAX_BODY, ROLE_SYSTEM, Message
from server.kit.errors import BadInput
from server.kit.events import publish
from server.kit.text import paragraph
from server.ticket import service as tickets


def thread(
    session: Session,
    viewer: Viewer,
    ticket_id: int,
    *,
    after_id: int | None = None,
    limit: int = 500,
) -> Sequence[Message]:
    """The ticket's messages, oldest first; an owner does not see what employees say among themselves.

    Raises NotFound.
    """
    tickets.visible(session, viewer, ticket_id)
    for_owner = viewer.role not in EMPLOYEES
    return repository.messages(
        session, ticket_id, for_owner=for_owner, after_id=after_id, limit=limit
    )


def post(
    session: Session,
    viewer: Viewer,
    ticket_id: int,
    body: str,
    *,
    visible_to_owner: bool = True,
    client_id: str | None = None,
    now: datetime,
) -> Message:
    """A person writes; a message whose `client_id` is known is returned, not posted again.

    `visible_to_owner` False is a note among employees. Raises NotFound, BadInput.
    """
    ticket = tickets.visible(session, viewer, ticket_id)
    if client_id:
        known = repository.by_client_id(session, ticket_id, viewer.user_id, client_id)
        if known is not None:
            return known
    text = paragraph(body, limit=MAX_BODY + 1)
    if not text:
        raise BadInput("body", "must not be empty")
    if len(text) > MAX_BODY:
        raise BadInput("body", f"must have at most {MAX_BODY} characters")
    if viewer.role is Role.OWNER and not visible_to_owner:
        raise BadInput("visible_to_owner", "is for employees")
    if viewer.role in DESK:
        ticket.worked_on = True
    message = Message(
        ticket_id=ticket_id,
        author_id=viewer.user_id,
        author_role=viewer.role.value,
        body=text,
        params={},
        visible_to_owner=visible_to_owner,
        client_id=client_id,
        created_at=now,
    )
    return _add(session, message, now=now)


def say(
    session: Session,
    ticket_id: int,
    code: str,
    *,
    visible_to_owner: bool = True,
    now: datetime,
    **params: Any,
) -> Message:
    """The system writes; `code` is a key of `english.SYSTEM_TEXTS`, `params` are JSON values."""
    message = Message(
        ticket_id=ticket_id,
        author_role=ROLE_SYSTEM,
        code=code,
        params=params,
        visible_to_owner=visible_to_owner,
        created_at=now,
    )
    return _add(session, message, now=now)


def quote(
    session: Session, ticket_id: int, author_id: int, role: str, body: str, *, now: datetime
) -> Message:
    """What a person wrote when asking, as the first message of the thread."""
    message = Message(
        ticket_id=ticket_id,
        author_id=author_id,
        author_role=role,
        body=body,
        params={},
        visible_to_owner=True,
        created_at=now,
    )
    return _add(session, message, now=now)


def _add(session: Session, message: Message, *, now: datetime) -> Message:
    session.add(message)
    session.flush()
    posted = MessagePosted(
        message_id=message.id,
        ticket_id=message.ticket_id,
        author_id=message.author_id,
        author_role=message.author_role,
        visible_to_owner=message.visible_to_owner,
    )
    publish(session, posted, now=now)
    return message

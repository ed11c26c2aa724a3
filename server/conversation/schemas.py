"""Messages in the JSON API."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from server.conversation.english import text_of
from server.conversation.model import MAX_BODY, Message


class MessageRequest(BaseModel):
    """A message that is sent twice with the same `client_id` is posted once."""

    model_config = ConfigDict(extra="forbid")

    body: Annotated[str, Field(min_length=1, max_length=MAX_BODY)]
    visible_to_owner: bool = True
    client_id: Annotated[str | None, Field(min_length=1, max_length=64)] = None


class MessageView(BaseModel):
    """`text` is a person's words, or the system's in English; `code` and `params` say it in any language."""

    id: int
    ticket_id: int
    author_id: int | None
    author_role: str
    text: str
    code: str | None
    params: dict[str, Any]
    visible_to_owner: bool
    created_at: datetime


def view(message: Message) -> MessageView:
    return MessageView(
        id=message.id,
        ticket_id=message.ticket_id,
        author_id=message.author_id,
        author_role=message.author_role,
        text=text_of(message),
        code=message.code,
        params=message.params,
        visible_to_owner=message.visible_to_owner,
        created_at=message.created_at,
    )

"""What happens in a conversation."""

from __future__ import annotations

from dataclasses import dataclass

from server.kit.events import Event


@dataclass(frozen=True, kw_only=True)
class MessagePosted(Event):
    """`author_role`: a person's role, or "system"."""

    message_id: int
    ticket_id: int
    author_id: int | None
    author_role: str
    visible_to_owner: bool

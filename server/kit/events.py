"""Domain events and their outbox: what happened is written in the transaction that made it happen.

A feature publishes; it does not know who listens. `server/reactions.py` is the one table of who does.
The dispatcher runs every (event, handler) pair behind a savepoint of its own, in a transaction that also
notes it as handled: a crash at any moment repeats no handler's effect and forgets none.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta
from typing import Any, ClassVar, Self

from sqlalchemy import ForeignKey, Index, String, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from server.kit.database import Base

MAX_ATTEMPTS = 12
"""After so many failures an event is parked: kept, counted, shown, no longer tried by itself."""


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happened. Fields are JSON values only (ids, numbers, strings)."""

    registry: ClassVar[dict[str, type[Event]]] = {}

    def __init_subclass__(cls) -> None:
        if cls.__name__ in Event.registry:
            raise TypeError(f"two events are called {cls.__name__}")
        Event.registry[cls.__name__] = cls

    @classmethod
    def from_payload(cls, payload: dict[str, Any]) -> Self:
        """Rebuild from the outbox; fields added since are ignored, missing ones take defaults."""
        known = {f.name for f in fields(cls)}
        return cls(**{k: v for k, v in payload.items() if k in known})


class OutboxEvent(Base):
    __tablename__ = "outbox_event"
    __table_args__ = (
        Index(
            "ix_outbox_event_pending",
            "id",
            sqlite_where=text("done_at IS NULL"),
            postgresql_where=text("done_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    name: Mapped[str] = mapped_column(String(80))
    payload: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(default=0)
    next_attempt_at: Mapped[datetime | None]
    last_error: Mapped[str | None] = mapped_column(String(500))
    parked_at: Mapped[datetime | None]
    done_at: Mapped[datetime | None]


class OutboxHandled(Base):
    """A handler that has already acted on an event."""

    __tablename__ = "outbox_handled"

    event_id: Mapped[int] = mapped_column(
        ForeignKey("outbox_event.id", ondelete="CASCADE"), primary_key=True
    )
    handler: Mapped[str] = mapped_column(String(120), primary_key=True)


def publish(session: Session, event: Event, *, now: datetime) -> None:
    """Write `event` to the outbox, in the caller's transaction."""
    session.add(OutboxEvent(name=type(event).__name__, payload=asdict(event), created_at=now))


MOST_RETRY_DELAY = timedelta(minutes=5)


def retry_delay(attempts: int) -> timedelta:
    """1 s, 2 s, 4 s … capped at five minutes."""
    return min(timedelta(seconds=2.0 ** min(max(attempts - 1, 0), 20)), MOST_RETRY_DELAY)


def prune(session: Session, *, before: datetime) -> int:
    """Forget events done before `before`; returns how many."""
    old = session.scalars(
        select(OutboxEvent).where(OutboxEvent.done_at.is_not(None), OutboxEvent.done_at < before)
    ).all()
    for row in old:
        session.delete(row)
    return len(old)

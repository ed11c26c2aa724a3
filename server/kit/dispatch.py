"""Runs what `reactions.py` says on the events of the outbox, each handler exactly once in effect."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from server.kit.clock import Clock
from server.kit.database import Database
from server.kit.events import (
    MAX_ATTEMPTS,
    Event,
    OutboxEvent,
    OutboxHandled,
    retry_delay,
)
from server.kit.text import one_line

log = logging.getLogger(__name__)

Handler = Callable[[Session, Any], None]
Reactions = Mapping[type[Event], Sequence[Handler]]

_BATCH = 100


class Dispatcher:
    """Drains the outbox. Call `drain` after every commit that may have published, and on a timer."""

    def __init__(self, database: Database, reactions: Reactions, clock: Clock) -> None:
        self._database = database
        self._reactions = {event.__name__: tuple(handlers) for event, handlers in reactions.items()}
        self._clock = clock
        self._one_at_a_time = threading.Lock()
        self.on_handled: Callable[[Event], None] = lambda _event: None
        """Told after an event's handlers have all run; live pages listen here."""

    def drain(self) -> int:
        """Handle what is due, including what handlers publish meanwhile; returns events finished."""
        finished = 0
        with self._one_at_a_time:
            while batch := self._due():
                results = [self._handle(*row) for row in batch]
                finished += sum(results)
                if not any(results):
                    break
        return finished

    def _due(self) -> list[tuple[int, str, dict[str, Any]]]:
        now = self._clock.now()
        with self._database.transaction() as session:
            rows = session.execute(
                select(OutboxEvent.id, OutboxEvent.name, OutboxEvent.payload)
                .where(
                    OutboxEvent.done_at.is_(None),
                    OutboxEvent.parked_at.is_(None),
                    or_(OutboxEvent.next_attempt_at.is_(None), OutboxEvent.next_attempt_at <= now),
                )
                .order_by(OutboxEvent.id)
                .limit(_BATCH)
            ).all()
        return [(row.id, row.name, row.payload) for row in rows]

    def _handle(self, event_id: int, name: str, payload: dict[str, Any]) -> bool:
        event_type = Event.registry.get(name)
        event = event_type.from_payload(payload) if event_type else None
        for handler in self._reactions.get(name, ()) if event else ():
            try:
                self._run_once(event_id, handler, event)
            except Exception as error:  # one reaction's bug must not stop the others
                log.exception("reaction %s to %s %s failed", _name(handler), name, event_id)
                self._postpone(event_id, error, self._clock.now())
                return False
        with self._database.transaction() as session:
            row = session.get_one(OutboxEvent, event_id)
            first = row.done_at is None  # another process may have been quicker
            row.done_at = row.done_at or self._clock.now()
        if event is not None and first:
            self.on_handled(event)
        return True

    def _run_once(self, event_id: int, handler: Handler, event: Any) -> None:
        with self._database.transaction() as session:
            key = (event_id, _name(handler))
            if session.get(OutboxHandled, key) is None:
                handler(session, event)
                session.add(OutboxHandled(event_id=event_id, handler=_name(handler)))

    def _postpone(self, event_id: int, error: Exception, now: datetime) -> None:
        with self._database.transaction() as session:
            row = session.get_one(OutboxEvent, event_id)
            row.attempts += 1
            row.last_error = one_line(f"{type(error).__name__}: {error}", limit=500)
            row.next_attempt_at = now + retry_delay(row.attempts)
            if row.attempts >= MAX_ATTEMPTS:
                row.parked_at = now
                log.error("event %s is parked after %s attempts", event_id, row.attempts)


def _name(handler: Handler) -> str:
    """Stable across restarts: the module and qualified name, never a memory address."""
    return f"{handler.__module__}.{handler.__qualname__}"

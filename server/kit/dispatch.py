"""Runs what `reactions.py` says on the events of the outbox, each handler exactly once in effect.

Handlers that follow one another share a transaction, each behind a savepoint of its own: thousands of
devices that come back at once would cost a write to disk for every handler otherwise. A transaction is
ended soon, since it keeps other writers waiting.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, or_, select, update
from sqlalchemy.orm import Session

from server.kit.clock import Clock
from server.kit.database import Database
from server.kit.events import (
    MAX_ATTEMPTS,
    MOST_RETRY_DELAY,
    Event,
    OutboxEvent,
    OutboxHandled,
    retry_delay,
)
from server.kit.text import one_line

log = logging.getLogger(__name__)

Handler = Callable[[Session, Any], None]


@dataclass(frozen=True, slots=True)
class Some:
    """A handler that most events leave idle: which do not is asked about many events at once."""

    handler: Handler
    concerned: Callable[[Session, Sequence[Any]], Sequence[bool]]
    """For each event whether `handler` has anything to do; reads only."""


Reactions = Mapping[type[Event], Sequence[Handler | Some]]

_Row = tuple[int, str, dict[str, Any]]
"""An event's number, name and payload."""

_BATCH = 100
_TOGETHER_S = 0.05
"""No further event is begun in a transaction that is older."""


class Dispatcher:
    """Drains the outbox. Call `drain` after every commit that may have published, and on a timer."""

    def __init__(
        self,
        database: Database,
        reactions: Reactions,
        clock: Clock,
        *,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._reactions = {
            event.__name__: tuple(h.handler if isinstance(h, Some) else h for h in handlers)
            for event, handlers in reactions.items()
        }
        self._some = [
            (event, h)
            for event, handlers in reactions.items()
            for h in handlers
            if isinstance(h, Some)
        ]
        self._clock = clock
        self._seconds = seconds
        self._one_at_a_time = threading.Lock()
        self.on_handled: Callable[[Event], None] = lambda _event: None
        """Told after an event's handlers have all run; live pages listen here."""

    def drain(self) -> int:
        """Handle what is due, including what handlers publish meanwhile; returns events finished."""
        finished = 0
        with self._one_at_a_time:
            while rows := self._due():
                before = finished
                while rows:
                    tried, done = self._handle(rows)
                    finished, rows = finished + done, rows[tried:]
                if finished == before:
                    break
        return finished

    def _due(self) -> list[_Row]:
        now = self._clock.now()
        with self._database.transaction() as session:
            rows = session.execute(
                select(OutboxEvent.id, OutboxEvent.name, OutboxEvent.payload)
                .where(
                    OutboxEvent.done_at.is_(None),
                    OutboxEvent.parked_at.is_(None),
                    or_(
                        OutboxEvent.next_attempt_at.is_(None),
                        OutboxEvent.next_attempt_at <= now,
                        # Longer than anything waits: the clock was set back since.
                        OutboxEvent.next_attempt_at > now + MOST_RETRY_DELAY,
                    ),
                )
                .order_by(OutboxEvent.id)
                .limit(_BATCH)
            ).all()
        return [(row.id, row.name, row.payload) for row in rows]

    def _handle(self, rows: Sequence[_Row]) -> tuple[int, int]:
        """The first of `rows`, as many as one short transaction holds: how many it tried, and finished."""
        began_s, tried = self._seconds(), 0
        done: dict[int, Event | None] = {}
        with self._database.transaction() as session:
            ids = [event_id for event_id, _, _ in rows]
            # Another process may have been quicker since these were looked for.
            is_open = set(session.scalars(_open(ids)))
            acted = {(event_id, handler) for event_id, handler in session.execute(_acted(ids))}
            events = [(event_id, _event(name, payload)) for event_id, name, payload in rows]
            acted |= self._idle(session, events)
            for event_id, event in events:
                tried += 1
                if event_id in is_open and self._react(session, event_id, event, acted):
                    done[event_id] = event
                if self._seconds() - began_s > _TOGETHER_S:
                    break
            session.execute(
                update(OutboxEvent)
                .where(OutboxEvent.id.in_(done))
                .values(done_at=self._clock.now())
                .execution_options(synchronize_session=False)
            )
        for event in done.values():
            if event is not None:
                self.on_handled(event)
        return tried, len(done) + sum(event_id not in is_open for event_id in ids[:tried])

    def _idle(
        self, session: Session, events: Sequence[tuple[int, Event | None]]
    ) -> set[tuple[int, str]]:
        """Event and handler, where the one has nothing for the other to do."""
        idle: set[tuple[int, str]] = set()
        for kind, some in self._some:
            of_kind = [(event_id, event) for event_id, event in events if isinstance(event, kind)]
            if of_kind:
                concerned = some.concerned(session, [event for _, event in of_kind])
                for (event_id, _), it_is in zip(of_kind, concerned, strict=True):
                    if not it_is:
                        idle.add((event_id, _name(some.handler)))
        return idle

    def _react(
        self, session: Session, event_id: int, event: Event | None, acted: set[tuple[int, str]]
    ) -> bool:
        """Run the handlers that have not acted yet; False when one failed and the event is postponed."""
        for handler in self._reactions.get(type(event).__name__, ()):
            name = _name(handler)
            if (event_id, name) in acted:
                continue
            try:
                with session.begin_nested():
                    handler(session, event)
                    session.add(OutboxHandled(event_id=event_id, handler=name))
            except Exception as error:  # one reaction's bug must not stop the others
                log.exception("reaction %s to %s %s failed", name, type(event).__name__, event_id)
                self._postpone(session, event_id, error)
                return False
            # Each handler reads for itself, as if it had a session of its own.
            session.expunge_all()
        return True

    def _postpone(self, session: Session, event_id: int, error: Exception) -> None:
        now = self._clock.now()
        row = session.get_one(OutboxEvent, event_id)
        row.attempts += 1
        row.last_error = one_line(f"{type(error).__name__}: {error}", limit=500)
        row.next_attempt_at = now + retry_delay(row.attempts)
        if row.attempts >= MAX_ATTEMPTS:
            row.parked_at = now
            log.error("event %s is parked after %s attempts", event_id, row.attempts)
        session.flush()


def _event(name: str, payload: dict[str, Any]) -> Event | None:
    """None for one that no feature of this version knows."""
    kind = Event.registry.get(name)
    return kind.from_payload(payload) if kind else None


def _open(ids: Sequence[int]) -> Select[int]:
    return select(OutboxEvent.id).where(OutboxEvent.id.in_(ids), OutboxEvent.done_at.is_(None))


def _acted(ids: Sequence[int]) -> Select[int, str]:
    return select(OutboxHandled.event_id, OutboxHandled.handler).where(
        OutboxHandled.event_id.in_(ids)
    )


def _name(handler: Handler) -> str:
    """Stable across restarts: the module and qualified name, never a memory address."""
    return f"{handler.__module__}.{handler.__qualname__}"

"""The outbox: every handler acts exactly once in effect, whatever fails around it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from sqlalchemy import select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from server.kit.clock import ManualClock
from server.kit.database import Base, Database
from server.kit.dispatch import Dispatcher, Handler, Some
from server.kit.events import MAX_ATTEMPTS, Event, OutboxEvent, prune, publish

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Rang(Event):
    times: int


@dataclass(frozen=True, kw_only=True)
class Echoed(Event):
    times: int


class OwnBase(DeclarativeBase):
    """Apart from the product's tables, which other tests look at as a whole."""


class Bell(OwnBase):
    """What handlers did, on record: rolled back with them."""

    __tablename__ = "test_bell"
    id: Mapped[int] = mapped_column(primary_key=True)
    said: Mapped[str]


@pytest.fixture
def database(records_url: str) -> Iterator[Database]:
    database = Database(records_url)
    outbox = [Base.metadata.tables[name] for name in ("outbox_event", "outbox_handled")]
    Base.metadata.create_all(database.engine, tables=outbox)
    OwnBase.metadata.create_all(database.engine)
    yield database
    database.close()


def ring(database: Database, times: int = 1) -> None:
    with database.transaction() as session:
        publish(session, Rang(times=times), now=NOON)


def said(database: Database) -> list[str]:
    with database.reading() as session:
        return list(session.scalars(select(Bell.said).order_by(Bell.id)))


def say(session: Session, event: Rang) -> None:
    session.add(Bell(said=f"ding {event.times}"))


def test_an_event_reaches_every_handler_once(database: Database) -> None:
    def also(session: Session, event: Rang) -> None:
        session.add(Bell(said=f"dong {event.times}"))

    dispatcher = Dispatcher(database, {Rang: (say, also)}, ManualClock(NOON))
    seen: list[Event] = []
    dispatcher.on_handled = seen.append
    ring(database, 3)
    assert dispatcher.drain() == 1
    assert dispatcher.drain() == 0
    assert said(database) == ["ding 3", "dong 3"]
    assert seen == [Rang(times=3)]


def test_what_was_rolled_back_never_happened(database: Database) -> None:
    with contextlib.suppress(RuntimeError), database.transaction() as session:
        publish(session, Rang(times=1), now=NOON)
        raise RuntimeError
    assert Dispatcher(database, {Rang: (say,)}, ManualClock(NOON)).drain() == 0


def test_a_failing_handler_is_tried_again_and_repeats_nobody_elses_work(
    database: Database,
) -> None:
    broken = True

    def fails(session: Session, event: Rang) -> None:
        session.add(Bell(said="half done"))
        if broken:
            raise ValueError("no luck\x1b[31m today")

    clock = ManualClock(NOON)
    dispatcher = Dispatcher(database, {Rang: (say, fails)}, clock)
    ring(database)
    assert dispatcher.drain() == 0
    assert said(database) == ["ding 1"]
    broken = False
    assert dispatcher.drain() == 0, "not due yet"
    clock.advance(seconds=2)
    assert dispatcher.drain() == 1
    assert said(database) == ["ding 1", "half done"]
    with database.reading() as session:
        row = session.scalars(select(OutboxEvent)).one()
        assert row.last_error == "ValueError: no luck[31m today"


def test_an_event_that_always_fails_is_parked_and_holds_up_nobody(database: Database) -> None:
    def fails(_session: Session, event: Rang) -> None:
        if event.times == 1:
            raise ValueError

    clock = ManualClock(NOON)
    dispatcher = Dispatcher(database, {Rang: (fails, say)}, clock)
    ring(database, 1)
    ring(database, 2)
    assert dispatcher.drain() == 1
    for _ in range(MAX_ATTEMPTS + 3):
        clock.advance(seconds=600)
        dispatcher.drain()
    assert said(database) == ["ding 2"]
    with database.reading() as session:
        row = session.scalars(select(OutboxEvent).where(OutboxEvent.done_at.is_(None))).one()
        assert row.attempts == MAX_ATTEMPTS
        assert row.parked_at is not None


def test_events_published_by_handlers_are_handled_in_the_same_drain(database: Database) -> None:
    def echo(session: Session, event: Rang) -> None:
        publish(session, Echoed(times=event.times + 1), now=NOON)

    heard: list[int] = []

    def hear(_session: Session, event: Echoed) -> None:
        heard.append(event.times)

    handlers: dict[type[Event], tuple[Handler, ...]] = {Rang: (echo,), Echoed: (hear,)}
    ring(database)
    assert Dispatcher(database, handlers, ManualClock(NOON)).drain() == 2
    assert heard == [2]


def test_old_events_are_forgotten_only_when_done(database: Database) -> None:
    ring(database)
    later = datetime(2026, 6, 1, tzinfo=UTC)
    with database.transaction() as session:
        assert prune(session, before=later) == 0
    Dispatcher(database, {Rang: (say,)}, ManualClock(NOON)).drain()
    with database.transaction() as session:
        assert prune(session, before=later) == 1


def test_a_handler_is_left_alone_where_it_has_nothing_to_do(database: Database) -> None:
    said: list[int] = []
    asked: list[int] = []

    def say(_session: Session, event: Rang) -> None:
        said.append(event.times)

    def odd(_session: Session, events: Sequence[Rang]) -> list[bool]:
        asked.append(len(events))
        return [event.times % 2 == 1 for event in events]

    with database.transaction() as session:
        for times in range(6):
            publish(session, Rang(times=times), now=NOON)
    dispatcher = Dispatcher(database, {Rang: (Some(say, odd),)}, ManualClock(NOON))
    told: list[Event] = []
    dispatcher.on_handled = told.append
    assert dispatcher.drain() == 6
    assert (said, len(told), dispatcher.drain()) == ([1, 3, 5], 6, 0)
    assert asked[0] == 6

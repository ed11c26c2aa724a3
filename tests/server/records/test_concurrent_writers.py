"""Several processes' worth of writers on one database: nothing is lost, and nobody decides by what is old."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from server.account import service as accounts
from server.account.model import User
from server.account.viewer import Role
from server.device import service as devices
from server.device.model import Device
from server.kit.clock import ManualClock
from server.kit.database import Database
from server.kit.dispatch import Dispatcher
from server.kit.errors import ConfigurationError, Conflict
from server.kit.events import Event, OutboxEvent, publish
from server.migrations import upgrade
from tests.postgresql import PostgresServer
from tests.server.conftest import NOW

WRITERS, TURNS = 6, 25


@dataclass(frozen=True, kw_only=True)
class Counted(Event):
    number: int


def act(session: Session, event: Counted) -> None:
    email = f"n{event.number}@example.org"  # unique: a second time would fail
    accounts.add_user(session, email=email, name="N", role=Role.OWNER, password=None, now=NOW)


@pytest.fixture
def writers(records_url: str) -> Iterator[list[Database]]:
    """The same records opened several times, as several processes would."""
    opened = [Database(records_url) for _ in range(WRITERS)]
    upgrade(opened[0])
    yield opened
    for database in opened:
        database.close()


def together(work: Callable[[int], None]) -> list[BaseException]:
    failures: list[BaseException] = []
    at_once = threading.Barrier(WRITERS)

    def run(number: int) -> None:
        at_once.wait(30)
        try:
            work(number)
        except BaseException as error:  # noqa: BLE001 - told by the caller's assertion
            failures.append(error)

    threads = [threading.Thread(target=run, args=(n,)) for n in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    return failures


def test_no_read_before_a_write_is_overtaken(writers: list[Database]) -> None:
    """Read, think, write: lost updates are what a second writer in between would cause."""
    with writers[0].transaction() as session:
        devices.add_device(session, device_id="shared", name="0", now=NOW)

    def count(number: int) -> None:
        for _ in range(TURNS):
            with writers[number].transaction() as session:
                device = devices.device(session, "shared")
                devices.rename(session, "shared", name=str(int(device.name) + 1))

    assert together(count) == []
    with writers[0].reading() as session:
        assert devices.device(session, "shared").name == str(WRITERS * TURNS)


def test_the_same_wish_is_granted_once(writers: list[Database]) -> None:
    granted: Counter[str] = Counter()

    def add(number: int) -> None:
        for turn in range(TURNS):
            try:
                with writers[number].transaction() as session:
                    devices.add_device(session, device_id=f"d{turn}", now=NOW)
            except Conflict:
                continue
            granted[f"d{turn}"] += 1

    assert together(add) == []
    assert granted == Counter({f"d{turn}": 1 for turn in range(TURNS)})
    with writers[0].reading() as session:
        assert session.scalar(select(func.count()).select_from(Device)) == TURNS


def test_every_event_is_acted_on_once_however_many_dispatchers_there_are(
    writers: list[Database],
) -> None:
    with writers[0].transaction() as session:
        for number in range(TURNS):
            publish(session, Counted(number=number), now=NOW)

    def drain(number: int) -> None:
        Dispatcher(writers[number], {Counted: (act,)}, ManualClock(NOW)).drain()

    assert together(drain) == []
    with writers[0].reading() as session:
        assert len(session.scalars(select(User)).all()) == TURNS
        rows = session.scalars(select(OutboxEvent)).all()
        counted = [row for row in rows if row.name == "Counted"]
        assert all(row.done_at is not None and row.attempts == 0 for row in counted)


@pytest.mark.slow
def test_a_frozen_writer_is_put_out_and_changes_nothing(
    postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its process was stopped, or the network went: everybody else would wait for it."""
    url = postgres.create("frozen")
    other = Database(url)
    upgrade(other)
    monkeypatch.setattr("server.kit.database.FROZEN_TIMEOUT_MS", 200)
    frozen = Database(url)

    def freeze() -> None:
        with frozen.transaction() as session:
            devices.add_device(session, device_id="half-done", now=NOW)
            session.flush()
            with other.transaction() as others:
                devices.add_device(others, device_id="done", now=NOW)

    with pytest.raises(DBAPIError):
        freeze()
    with other.reading() as session:
        assert list(session.scalars(select(Device.id))) == ["done"]
    frozen.close()
    other.close()


@pytest.mark.slow
def test_who_writes_apart_does_not_queue(postgres: PostgresServer) -> None:
    database = Database(postgres.create("apart"))
    upgrade(database)
    with database.transaction() as session:
        devices.add_device(session, device_id="d", now=NOW)
    with database.transaction(), database.transaction(apart=True) as session:
        devices.mark_seen(session, {"d": NOW}, now=NOW)
    with database.reading() as session:
        assert devices.device(session, "d").last_seen_at == NOW
    database.close()


@pytest.mark.parametrize("url", ["mysql://root@db/x", "rubbish", "sqlite+pysqlcipher://"])
def test_an_address_of_another_database_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="database_url"):
        Database(url)

"""Leases: each piece of work has one holder at a time, and who lost it can write nothing more."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.kit.clock import ManualClock
from server.kit.database import Base, Database
from server.kit.leases import Held, Lease, LeaseLost, Leases, prove

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
NAMES = tuple(f"part {n}" for n in range(8))
TTL_S = 5.0


@pytest.fixture
def clock() -> ManualClock:
    """SQLite's leases go by it; PostgreSQL's by the database's own."""
    return ManualClock(NOON)


@pytest.fixture
def on_sqlite(tmp_path) -> Iterator[Database]:
    database = Database.at(tmp_path / "records.sqlite3")
    Base.metadata.create_all(database.engine)
    yield database
    database.close()


def process(records: Database, clock: ManualClock, name: str) -> Leases:
    return Leases(records, name, NAMES, ttl_s=TTL_S, clock=clock)


def names(held: list[Held]) -> list[str]:
    return [one.name for one in held]


def test_one_alone_does_everything(database: Database, clock: ManualClock) -> None:
    held = process(database, clock, "a").renew()
    assert names(held) == list(NAMES)
    assert process(database, clock, "a").renew() == held, "renewed, not taken anew"


def test_a_newcomer_gets_half(database: Database, clock: ManualClock) -> None:
    first, second = process(database, clock, "a"), process(database, clock, "b")
    first.renew()
    assert second.renew() == [], "nothing is free yet"
    held = first.renew()
    given = first.surplus(held)
    assert names(given) == list(NAMES[4:])
    for one in given:
        first.release(one)
    taken = second.renew()
    assert names(taken) == list(NAMES[4:])
    assert {one.epoch for one in taken} == {2}
    assert first.surplus(first.renew()) == second.surplus(second.renew()) == []


def test_what_runs_out_is_taken_over(on_sqlite: Database, clock: ManualClock) -> None:
    dead, living = process(on_sqlite, clock, "dead"), process(on_sqlite, clock, "living")
    before = dead.renew()
    living.renew()
    clock.advance(seconds=TTL_S + 0.1)
    after = living.renew()
    assert names(after) == list(NAMES)
    with on_sqlite.transaction() as session, pytest.raises(LeaseLost, match="part 0"):
        prove(session, before[0])
    with on_sqlite.transaction() as session:
        prove(session, after[0])
    assert dead.renew() == [], "it comes back, and has nothing until somebody gives"


def test_who_was_late_keeps_what_nobody_took(on_sqlite: Database, clock: ManualClock) -> None:
    """The database was away for all: nothing moves because of that."""
    alone = process(on_sqlite, clock, "a")
    held = alone.renew()
    clock.advance(seconds=10 * TTL_S)
    assert alone.renew() == held


def test_who_leaves_is_not_waited_for(database: Database, clock: ManualClock) -> None:
    first, second = process(database, clock, "a"), process(database, clock, "b")
    held = first.renew()
    first.leave()
    for one in held:
        first.release(one)
    assert names(second.renew()) == list(NAMES)


@pytest.mark.slow
def test_a_take_over_waits_for_the_write_under_way(tmp_path, postgres) -> None:
    """The fence itself: the old holder has proved its lease and not yet committed."""
    records = Database(postgres.create("fence"))
    Base.metadata.create_all(records.engine)
    clock = ManualClock(NOON)
    old = Leases(records, "old", NAMES[:1], ttl_s=0.05, clock=clock)
    new = Leases(records, "new", NAMES[:1], ttl_s=60, clock=clock)
    (held,) = old.renew()
    taken: list[list[Held]] = []

    def take() -> None:
        while not taken or not taken[-1]:
            taken.append(new.renew())

    taking = threading.Thread(target=take)
    with records.transaction(apart=True) as session:
        prove(session, held)
        taking.start()
        taking.join(0.5)
        assert taking.is_alive(), "it waits"
    taking.join(30)
    assert taken[-1] == [Held(NAMES[0], "new", held.epoch + 1)]
    with records.transaction(apart=True) as session, pytest.raises(LeaseLost):
        prove(session, held)
    records.close()


def test_a_clock_set_back_does_not_keep_the_leases_of_the_dead(
    on_sqlite: Database, clock: ManualClock
) -> None:
    dead, living = process(on_sqlite, clock, "dead"), process(on_sqlite, clock, "living")
    dead.renew()
    clock.step(seconds=-86_400)
    assert names(living.renew()) == list(NAMES), "nobody is given a lease of a day"


def test_a_clock_set_forward_costs_a_holder_nothing(
    on_sqlite: Database, clock: ManualClock
) -> None:
    holder = process(on_sqlite, clock, "holder")
    held = holder.renew()
    clock.step(seconds=86_400)
    assert holder.renew() == held
    assert holder.surplus(held) == []


@pytest.mark.slow
def test_many_that_start_at_once_share_without_overlap(postgres) -> None:
    records = Database(postgres.create("rush"))
    Base.metadata.create_all(records.engine)
    clock = ManualClock(NOON)
    found: dict[str, list[Held]] = {}

    def start(name: str) -> None:
        leases = process(records, clock, name)
        for _ in range(20):
            held = leases.renew()
            for one in leases.surplus(held):
                leases.release(one)
                held.remove(one)
            found[name] = held

    together([lambda n=n: start(f"process {n}") for n in range(4)])
    everybody = [one.name for held in found.values() for one in held]
    assert len(everybody) == len(set(everybody))
    records.close()


def together(work: list[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=one) for one in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()


@given(
    steps=st.lists(
        st.tuples(st.sampled_from("abc"), st.sampled_from(["renew", "give", "wait", "leave"])),
        max_size=30,
    )
)
@settings(max_examples=40, deadline=None)
def test_whatever_happens_nobody_can_prove_what_another_holds(steps) -> None:
    records = Database("sqlite://")
    Base.metadata.create_all(records.engine, tables=None)
    clock = ManualClock(NOON)
    processes = {name: process(records, clock, name) for name in "abc"}
    believed: dict[str, list[Held]] = {name: [] for name in "abc"}
    for name, step in steps:
        one = processes[name]
        if step == "renew":
            believed[name] = one.renew()
        elif step == "give":
            for held in one.surplus(believed[name]):
                one.release(held)
        elif step == "leave":
            one.leave()
        else:
            clock.advance(seconds=2.0)
        proven = [h.name for held in believed.values() for h in held if provable(records, h)]
        assert len(proven) == len(set(proven))
    with records.reading() as session:
        assert session.query(Lease).count() <= len(NAMES)
    records.close()


def provable(records: Database, held: Held) -> bool:
    with records.transaction() as session:
        try:
            prove(session, held)
        except LeaseLost:
            return False
        return True

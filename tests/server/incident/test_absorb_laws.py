"""Laws of `absorb` that hold for any findings in any batches."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from anomaly import KINDS
from server.detection.model import FindingRecord
from server.incident import repository, service
from server.incident.model import Incident, IncidentFinding
from server.incident.states import ACTIVE, IncidentState
from server.kit.database import Base, Database
from server.kit.events import OutboxEvent
from server.kit.settings import Settings
from server.migrations.models import import_all
from tests.server.incident.case_world import put_finding

NOW = datetime(2026, 3, 1, tzinfo=UTC)
SETTINGS = Settings()
METRICS = ["fan/speed", "fan/current", "pump/flow", "room", "oil/temperature"]

unit = st.integers(0, 10).map(lambda n: n / 10)
facts = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(KINDS),
        "metrics": st.lists(st.sampled_from(METRICS), max_size=3, unique=True),
        "minute": st.integers(0, 4000),
        "confidence": unit,
        "severity": unit,
    }
)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("find"), st.lists(facts, min_size=1, max_size=4)),
        st.tuples(st.just("end"), st.lists(st.integers(0, 20), min_size=1, max_size=6)),
        st.tuples(st.just("wait"), st.integers(1, 60)),
    ),
    min_size=1,
    max_size=12,
)


class Bench:
    """A database in memory; every example gets a device of its own in it."""

    numbers = itertools.count()

    def __init__(self) -> None:
        import_all()
        self.database = Database("sqlite://")
        Base.metadata.create_all(self.database.engine)

    def device(self) -> str:
        return f"d{next(self.numbers)}"


def place(session: Session, device: str, number: int, fact: dict[str, Any]) -> FindingRecord:
    onset = NOW + timedelta(minutes=fact["minute"])
    fields = {k: v for k, v in fact.items() if k != "minute"} | {"onset_at": onset}
    return put_finding(session, device, NOW, f"{device}-{number:03}", fields)


def cases(session: Session, device: str) -> list[Incident]:
    query = select(Incident).where(Incident.device_id == device).order_by(Incident.id)
    return list(session.scalars(query))


def check(session: Session, device: str) -> None:
    all_cases = cases(session, device)
    active = [c for c in all_cases if c.state in ACTIVE]
    assert max(Counter(c.component for c in active).values(), default=1) == 1
    owned: Counter[str] = Counter()
    for case in all_cases:
        members = repository.members(session, case.id)
        assert members
        records = {record.id: record for _, record in members}
        assert case.leading_finding_id in records
        assert case.kind == records[case.leading_finding_id].kind
        assert case.onset_at == min(r.onset_at for r in records.values())
        assert case.severity >= max(r.severity for r in records.values())
        ill = any(r.ended_at is None for r in records.values())
        assert ill == (case.state is IncidentState.OPEN)
        assert (case.recovered_at is None) == ill
        assert (case.closed_at is None) == (case.state in ACTIVE)
        if case.state in ACTIVE:
            owned.update({link.component for link, _ in members})
    assert max(owned.values(), default=1) == 1, "a component counts in one active case"


def outbox(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(OutboxEvent)) or 0


def picture(session: Session, device: str) -> list[Any]:
    rows: list[Any] = []
    for c in cases(session, device):
        members = sorted(
            link.finding_id.split("-")[1] for link, _ in repository.members(session, c.id)
        )
        leader = c.leading_finding_id.split("-")[1]
        rows.append((c.component, c.kind, c.state, c.severity, c.onset_at, leader, members))
    return rows


BENCH = Bench()


@settings(max_examples=30)
@given(steps)
def test_any_story_keeps_the_cases_consistent_and_told_again_changes_nothing(story: list[Any]):
    device, now, number = BENCH.device(), NOW, 0
    known: list[str] = []
    with BENCH.database.transaction() as session:
        for what, detail in story:
            batch: list[FindingRecord] = []
            if what == "find":
                for fact in detail:
                    batch.append(place(session, device, number, fact))
                    number += 1
                known += [record.id for record in batch]
            elif what == "end":
                chosen = {known[i % len(known)] for i in detail} if known else set()
                batch = [session.get_one(FindingRecord, i) for i in sorted(chosen)]
                for record in batch:
                    end = record.onset_at + timedelta(minutes=45)
                    record.ended_at = record.ended_at or end
            else:
                now += timedelta(minutes=detail)
                service.close_watched(session, now=now)
            session.flush()
            service.absorb(session, batch, now=now, settings=SETTINGS)
            check(session, device)
            told, seen = outbox(session), picture(session, device)
            service.absorb(session, batch, now=now + timedelta(hours=9), settings=SETTINGS)
            session.flush()
            assert (outbox(session), picture(session, device)) == (told, seen)


@settings(max_examples=30)
@given(st.lists(facts, min_size=2, max_size=6), st.randoms(use_true_random=False))
def test_the_order_within_a_batch_does_not_matter(
    found: list[dict[str, Any]], shuffler: random.Random
):
    one, other = BENCH.device(), BENCH.device()
    with BENCH.database.transaction() as session:
        straight = [place(session, one, n, fact) for n, fact in enumerate(found)]
        shuffled = [place(session, other, n, fact) for n, fact in enumerate(found)]
        shuffler.shuffle(shuffled)
        service.absorb(session, straight, now=NOW, settings=SETTINGS)
        service.absorb(session, shuffled, now=NOW, settings=SETTINGS)
        assert picture(session, one) == picture(session, other)


@settings(max_examples=30)
@given(facts, st.integers(1, 4))
def test_a_finding_seen_again_and_again_is_one_case_and_one_event(fact: dict[str, Any], times: int):
    device = BENCH.device()
    with BENCH.database.transaction() as session:
        record = place(session, device, 0, fact)
        before = outbox(session)
        for _ in range(times):
            service.absorb(session, [record], now=NOW, settings=SETTINGS)
        opened = fact["confidence"] >= 0.5
        assert len(cases(session, device)) == outbox(session) - before == int(opened)
        links = select(IncidentFinding).where(IncidentFinding.finding_id == record.id)
        assert len(session.scalars(links).all()) == int(opened)

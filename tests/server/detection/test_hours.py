"""Stored hours of a device: the metric that is out of step is a case, until it is back or is repaired."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np

from server.app.daily_watch import DailyWatch
from server.detection import hours
from server.detection.model import BaselineRequest, FindingRecord
from server.incident.model import Incident
from server.kit.clock import ManualClock
from server.kit.settings import Settings
from server.telemetry.memory import MemoryTelemetryStore
from server.telemetry.samples import SampleBatch, SeriesKey
from tests.server.incident.case_world import CaseWorld

DAY_S = 86_400.0
LEARNED, ILL = 30, 3
"""Days before `world.now` that are healthy, and the days after them that are not."""


def stored(world: CaseWorld, device: str) -> MemoryTelemetryStore:
    """Two metrics of one load every half an hour; from `ILL` days before now on one reads too much."""
    store, random = MemoryTelemetryStore(), np.random.default_rng(4)
    today_s = np.floor(world.now.timestamp() / DAY_S) * DAY_S
    times = np.arange(today_s - LEARNED * DAY_S, today_s + 6 * DAY_S, 1800.0)
    load = 0.5 + 0.3 * np.sin(times * 2 * np.pi / DAY_S) + random.normal(0, 0.1, len(times))
    wrong = (times >= today_s - ILL * DAY_S) & (times < today_s + 3 * DAY_S)
    columns = {
        ("motor/current", "A"): 2.0 + 6.0 * load + random.normal(0, 0.1, len(times)),
        ("motor/temperature", "Cel"): 20.0 + 9.0 * load + random.normal(0, 0.2, len(times)) + 4.0 * wrong,
        ("motor/vibration", "m/s2"): 0.1 + 0.4 * load + random.normal(0, 0.01, len(times)),
    }  # fmt: skip
    for number, ((metric, unit), values) in enumerate(columns.items()):
        series = store.series_id(SeriesKey(device, metric), unit)
        batch = SampleBatch(np.full(len(times), series, np.int32), times, values)
        store.append(batch, stream="s", position=number + 1)
    return store


def look(world: CaseWorld, store: MemoryTelemetryStore, *, days_later: int) -> None:
    clock = ManualClock(world.now + timedelta(days=days_later))
    DailyWatch(world.database, store, clock, Settings(), lambda: None).look()


def records(world: CaseWorld) -> list[FindingRecord]:
    with world.database.reading() as session:
        found = list(session.query(FindingRecord))
        session.expunge_all()
    return found


def test_one_case_that_recovers_when_it_is_back_in_step(world: CaseWorld) -> None:
    device = world.device()
    store = stored(world, device)
    look(world, store, days_later=0)
    look(world, store, days_later=1)
    (finding,) = records(world)
    assert (finding.kind, finding.metrics[0]) == ("relation", "motor/temperature")
    assert finding.evidence["unit"] == "Cel"
    assert finding.ended_at is None
    with world.database.reading() as session:
        (case,) = session.query(Incident)
        assert str(case.state) == "open"
    look(world, store, days_later=5)
    (finding,) = records(world)
    assert finding.ended_at is not None


def test_a_new_baseline_starts_the_learning_anew(world: CaseWorld) -> None:
    device = world.device()
    store = stored(world, device)
    look(world, store, days_later=1)
    assert len(records(world)) == 1
    with world.database.transaction() as session:
        session.add(BaselineRequest(device_id=device, at=world.now, reason="repair"))
    look(world, store, days_later=2)
    (finding,) = records(world)
    assert finding.ended_at is not None


def test_what_the_engine_found_is_not_ended_here(world: CaseWorld) -> None:
    row = FindingRecord(id="x", device_id="d", kind="relation", evidence={"times_its_limit": 2.0})
    assert not hours.is_ours(row)


def test_a_device_of_one_metric_or_few_days_says_nothing(world: CaseWorld) -> None:
    store = stored(world, "d")
    now_s = world.now.timestamp()
    assert hours.look(MemoryTelemetryStore(), "d", baseline_at=None, now_s=now_s) == []
    young: datetime = world.now - timedelta(days=10)
    assert hours.look(store, "d", baseline_at=young, now_s=now_s) == []
    assert len(hours.look(store, "d", baseline_at=None, now_s=now_s)) == 1

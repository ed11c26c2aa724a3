"""Open findings on their way to a limit: foreseen from the store, shown in the timeline, forgotten at the end."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from anomaly import Finding
from server.app.limit_watch import LimitWatch
from server.detection import service
from server.detection.ahead import limits_of
from server.detection.model import FindingRecord
from server.device.model import Device
from server.insight.timeline import timeline
from server.kit.clock import ManualClock
from server.telemetry.memory import MemoryTelemetryStore
from server.telemetry.samples import SampleBatch, SeriesKey
from tests.server.incident.case_world import CaseWorld

DAY_S = 86_400.0


def tank(world: CaseWorld, *, per_day: float) -> tuple[MemoryTelemetryStore, Finding]:
    """Ten days of a tank that fills, and what was found on the first of them."""
    device = world.device()
    with world.database.transaction() as session:
        row = session.get_one(Device, device)
        row.sensors = [{"name": "tank/level", "unit": "l", "kind": "", "limits": [None, 100.0]}]
    store, end_s = MemoryTelemetryStore(), world.now.timestamp()
    times = np.arange(end_s - 10 * DAY_S, end_s, 600.0)
    series = store.series_id(SeriesKey(device, "tank/level"), "l")
    values = 50.0 + per_day * (times - times[0]) / DAY_S
    batch = SampleBatch(np.full(len(times), series, np.int32), times, values)
    store.append(batch, stream="s", position=1)
    finding = Finding(
        id="f-1", kind="drift", device=device, metrics=("tank/level",), onset_s=float(times[0]),
        detected_s=float(times[0]) + DAY_S, ended_s=None, confidence=0.9, severity=0.5,
        evidence={"unit": "l"}, sentence="The tank fills.",
    )  # fmt: skip
    with world.database.transaction() as session:
        service.record(session, [finding], now=world.now)
    return store, finding


def looked(world: CaseWorld, store: MemoryTelemetryStore) -> FindingRecord:
    LimitWatch(world.database, store, ManualClock(world.now), lambda: None).look()
    with world.database.reading() as session:
        return session.get_one(FindingRecord, "f-1")


def test_it_is_foreseen_shown_and_forgotten_when_it_ends(world: CaseWorld) -> None:
    store, finding = tank(world, per_day=3.0)
    forecast = looked(world, store).forecast
    assert forecast is not None
    full_s = finding.onset_s + 50 / 3 * DAY_S
    assert forecast["limit"] == 100.0
    assert forecast["limit_reached_s"] == pytest.approx(full_s, abs=DAY_S / 4)
    assert "reaches 100 l on" in forecast["sentence"]
    since, until = world.now - timedelta(days=20), world.now + timedelta(days=1)
    with world.database.reading() as session:
        items = timeline(session, finding.device, since=since, until=until)
    shown = next(item for item in items if item.kind == "finding")
    assert shown.detail == f"The tank fills. {forecast['sentence']}"
    assert shown.facts["forecast"] == forecast
    worse = replace(finding, severity=0.7)
    ended = replace(finding, ended_s=world.now.timestamp())
    for word, kept in ((worse, forecast), (ended, None)):
        with world.database.transaction() as session:
            service.record(session, [word], now=world.now)
            assert session.get_one(FindingRecord, "f-1").forecast == kept
    assert looked(world, store).forecast is None


def test_what_leads_nowhere_is_not_spoken_of(world: CaseWorld) -> None:
    store, _ = tank(world, per_day=-3.0)
    assert looked(world, store).forecast is None


def test_announced_limits_narrow_what_physics_allows() -> None:
    sensors = [{"name": "t", "limits": [None, 60.0]}, {"name": "u", "limits": None}]
    assert limits_of(sensors, "t", "Cel") == (-90.0, 60.0)
    assert limits_of(sensors, "u", "Cel") == (-90.0, 200.0)

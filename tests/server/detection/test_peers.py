"""Stored days of a cohort, compared: found, put into a case, told once, ended."""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from server.app.daily_watch import DailyWatch
from server.detection import peers
from server.detection.model import FindingRecord
from server.device.model import Device
from server.incident.model import Incident
from server.kit.clock import ManualClock
from server.kit.settings import Settings
from server.telemetry.memory import MemoryTelemetryStore
from server.telemetry.samples import SampleBatch, SeriesKey
from tests.server.incident.case_world import CaseWorld

DAY_S = 86_400.0
DAYS = 8


def fleet(world: CaseWorld, number: int = 8, **of: str) -> list[str]:
    made = [world.device() for _ in range(number)]
    with world.database.transaction() as session:
        for device_id in made:
            device = session.get_one(Device, device_id)
            device.model, device.firmware, device.site = "X2", "1.0", "Lodz"
            for name, value in of.items():
                setattr(device, name, value)
    return made


def groups(world: CaseWorld) -> list[peers.Group]:
    with world.database.reading() as session:
        return peers.groups(list(session.query(Device)))


def test_groups_are_of_model_firmware_and_site_or_else_of_the_model(world: CaseWorld) -> None:
    narrow, apart = fleet(world, 7), fleet(world, 3, site="Brno") + fleet(world, 4, firmware="2.0")
    fleet(world, 9, model="")
    fleet(world, 2, model="Lonely")
    assert [(set(g.device_ids), g.compared_to) for g in groups(world)] == [
        (set(narrow), peers.NARROW),
        (set(apart), peers.WIDE),
    ]


def stored(
    world: CaseWorld, devices: list[str], odd: str, *, odd_until: int
) -> MemoryTelemetryStore:
    """Ten-minute temperatures of the last days, one device ten degrees off until day `odd_until`."""
    store, rng = MemoryTelemetryStore(), np.random.default_rng(2)
    first_s = np.floor(world.now.timestamp() / DAY_S) * DAY_S - DAYS * DAY_S
    times = first_s + np.arange(0, (DAYS + 4) * DAY_S, 600.0)
    for number, device in enumerate(devices):
        series = store.series_id(SeriesKey(device, "air/temperature"), "Cel")
        values = 4.0 + 0.1 * number + rng.normal(0, 0.1, len(times))
        if device == odd:
            values[times < first_s + odd_until * DAY_S] += 10.0
        batch = SampleBatch(np.full(len(times), series, np.int32), times, values)
        store.append(batch, stream="s", position=number + 1)
    return store


def look(world: CaseWorld, store: MemoryTelemetryStore, *, days_later: int) -> None:
    clock = ManualClock(world.now + timedelta(days=days_later))
    told: list[None] = []
    watch = DailyWatch(world.database, store, clock, Settings(), lambda: told.append(None))
    watch.look()
    watch.look()
    assert len(told) == 1


def test_one_that_stands_out_opens_one_case_that_recovers(world: CaseWorld) -> None:
    devices = fleet(world)
    store = stored(world, devices, devices[2], odd_until=DAYS + 1)
    look(world, store, days_later=0)
    look(world, store, days_later=0)
    with world.database.reading() as session:
        (finding,) = session.query(FindingRecord)
        (case,) = session.query(Incident)
        assert (finding.device_id, finding.kind) == (devices[2], "unlike_peers")
        assert finding.evidence["compared_to"] == peers.NARROW
        assert (case.kind, str(case.state)) == ("unlike_peers", "open")
    look(world, store, days_later=3)
    with world.database.reading() as session:
        (finding,) = session.query(FindingRecord)
        (case,) = session.query(Incident)
        assert finding.ended_at is not None
        assert str(case.state) == "recovering"


def test_a_healthy_cohort_says_nothing(world: CaseWorld) -> None:
    devices = fleet(world)
    look(world, stored(world, devices, "", odd_until=0), days_later=2)
    with world.database.reading() as session:
        assert session.query(FindingRecord).count() == 0

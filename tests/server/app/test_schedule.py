"""Everything that the clock starts runs: on empty records, and on a device with samples."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from server.app.schedule import schedule
from server.command.handlers import CommandHandlers, RecordingSender
from server.kit.clock import ManualClock
from server.kit.settings import Settings
from server.telemetry.duckdb import DuckDbTelemetryStore
from server.telemetry.samples import SampleBatch, SeriesKey
from tests.server.incident.case_world import CaseWorld


@pytest.mark.parametrize("devices", [0, 2])
def test_each_timer_runs(database, clock: ManualClock, tmp_path, devices: int) -> None:
    world = CaseWorld(database, clock)
    store = DuckDbTelemetryStore(tmp_path / "telemetry.duckdb")
    times = world.now.timestamp() - np.arange(50.0, 0.0, -1.0)
    for number in range(devices):
        series = store.series_id(SeriesKey(world.device(), "t"), "Cel")
        batch = SampleBatch(np.full(50, series, np.int32), times, times % 7)
        store.append(batch, stream="s", position=number + 1)
    settings = Settings(data_dir=tmp_path)
    commands = CommandHandlers(RecordingSender(), clock)
    timers = schedule(world.database, store, commands, clock, settings, lambda: None)

    async def run_all() -> None:
        for timer in timers:
            await timer.run()

    asyncio.run(run_all())
    store.close()
    assert len({timer.name for timer in timers}) == len(timers)

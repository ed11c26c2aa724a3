"""kill -9 at any moment: samples, position and rollups are of one moment."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from server.telemetry.duckdb import DuckDbTelemetryStore
from server.telemetry.samples import SeriesKey

ROOT = Path(__file__).resolve().parents[3]
ROWS, T, HANG_S = 500, 1_780_000_000, 60

WRITER = f"""
import sys, threading, time
from pathlib import Path
import numpy as np
from server.telemetry.duckdb import DuckDbTelemetryStore
from server.telemetry.samples import SampleBatch, SeriesKey

store = DuckDbTelemetryStore(Path(sys.argv[1]), full_rows=20_000)
series = store.series_id(SeriesKey("d", "a"), "V")

def keep_up():
    while True:
        store.upkeep(time.time() * 1000)  # time flies: every level's turn comes

threading.Thread(target=keep_up, daemon=True).start()
position = store.position("main")
print("ready", position, flush=True)
while True:
    times = {T} + position * {ROWS} + np.arange({ROWS})
    batch = SampleBatch(np.full({ROWS}, series, dtype=np.int32), times.astype(float), times % 97.0)
    position += 1
    store.append(batch, stream="main", position=position)
"""


@pytest.mark.slow
def test_kill_9_leaves_position_samples_and_rollups_of_one_moment(tmp_path: Path) -> None:
    file, chance = tmp_path / "t.duckdb", random.Random(7)
    for _ in range(5):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, file], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout is not None
        assert writer.stdout.readline().startswith("ready")
        time.sleep(chance.uniform(0.3, 1.5))
        writer.send_signal(signal.SIGKILL)
        writer.wait(HANG_S)
        writer.stdout.close()
        store = DuckDbTelemetryStore(file)
        samples = store.position("main") * ROWS
        assert samples > 0
        assert store.count() == samples
        for points in (1, 7, 1000):
            found = store.query(SeriesKey("d", "a"), from_s=T, to_s=T + samples, points=points)
            assert found.count.sum() == samples
            assert (found.mean * found.count).sum() == pytest.approx(
                sum((T + n) % 97 for n in range(samples))
            )
        assert store.latest("d")[0].time_s == T + samples - 1
        store.close()

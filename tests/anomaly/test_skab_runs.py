"""Real water testbed: quiet on the healthy day, awake at the closing valve."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from anomaly import Engine, Finding
from anomaly.csv_table import open_csv

DATA = Path(__file__).resolve().parents[2] / "../shared/data/skab"
pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif(not DATA.exists(), reason="telemetry sets are not at ../shared/data"),
]


def read(path: Path) -> tuple[list[str], np.ndarray, np.ndarray]:
    table = open_csv(path)
    chunks = list(table.chunks)
    times = np.concatenate([chunk.times_s for chunk in chunks])
    return table.metrics, times, np.concatenate([chunk.values for chunk in chunks])


def play(
    engine: Engine, metrics: list[str], times: np.ndarray, values: np.ndarray
) -> list[Finding]:
    series = np.array([engine.series("testbed", metric) for metric in metrics], np.int32)
    index = np.tile(series, len(times))
    return engine.update(index, np.repeat(times, len(series)), values.ravel(), times[-1])


@pytest.fixture(scope="module")
def commissioned() -> tuple[list[str], np.ndarray, list[Finding], bytes]:
    metrics, times, values = read(DATA / "anomaly-free/anomaly-free.csv.gz")
    engine = Engine()
    found = play(engine, metrics, times, values)
    return metrics, times, found, engine.to_bytes()


def test_nothing_on_the_second_half_of_the_healthy_day(commissioned) -> None:
    _, times, found, _ = commissioned
    assert [f.sentence for f in found if f.detected_s > (times[0] + times[-1]) / 2] == []


@pytest.mark.parametrize("number", [5, 9, 13])
def test_finding_near_the_changepoint(commissioned, number: int) -> None:
    metrics, _, _, state = commissioned
    names, times, values = read(DATA / f"valve1/{number}.csv.gz")
    changepoint_s = times[values[:, names.index("anomaly")] > 0][0]
    columns = [names.index(metric) for metric in metrics]
    found = play(Engine.from_bytes(state), metrics, times, values[:, columns])
    onsets = [f.onset_s - changepoint_s for f in found]
    assert any(-60 <= onset <= 300 for onset in onsets)
    assert min(onsets) >= -60

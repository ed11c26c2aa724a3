"""The compiled loop against plain Python, and its pieces against slow, obvious code."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys

import numpy as np
import pytest

from anomaly import state as col
from anomaly.excursion import slope
from anomaly.judge import smooth, start_judge
from anomaly.judging import expected

SCRIPT = """
import json, numpy as np
from anomaly import Engine, EngineSettings
random = np.random.default_rng(7)
engine = Engine(EngineSettings(settle_samples=60, commission_samples=300, commission_span_s=3600.0))
n = 1200
found = []
for number, fault in enumerate(("shift", "noise", "stuck", "range")):
    series = engine.series("d", fault, "Cel")
    times = 1.7e9 + np.arange(n) * 7.0 + random.normal(0, 1, n)
    values = random.normal(20, 1, n)
    if fault == "shift":
        values[800:] += 4
    elif fault == "noise":
        values[800:] += random.normal(0, 8, n - 800)
    elif fault == "stuck":
        values[800:] = values[800]
    else:
        values[1100:] += 900
    found += engine.update(np.full(n, series, np.int32), times, values, 1.8e9)
print(json.dumps([[f.kind, f.metrics[0], round(f.onset_s, 3), round(f.detected_s, 3)] for f in found]))
"""


def findings(**environment: str) -> list:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True,
        env=os.environ | environment,
    )  # fmt: skip
    return json.loads(done.stdout)


def test_compiled_and_plain_python_agree() -> None:
    compiled = findings()
    assert {kind for kind, *_ in compiled} >= {"level_shift", "variance", "stuck", "out_of_range"}
    assert findings(NUMBA_DISABLE_JIT="1") == compiled


def test_smoothing_is_two_averages() -> None:
    row = np.zeros(col.WIDTH)
    random = np.random.default_rng(1)
    start_judge(row, col.LEVEL, 0.0, 5.0, 2.0)
    fast = slow = 5.0
    for x in random.normal(5, 1, 200):
        smooth(row, col.LEVEL, x, 2.0)
        slow += (x - slow) * min(0.25, 1 - math.exp(-2.0 / 8.0))
        fast += (x - fast) * min(0.5, 1 - math.exp(-2.0 / 8.0))
    assert row[col.LEVEL + col.SLOW] == pytest.approx(slow)
    # The fast average takes the same, unlimited values while nothing is judged yet.
    assert row[col.LEVEL + col.FAST] == pytest.approx(fast, rel=0.05)


def test_slope_is_least_squares() -> None:
    row = np.zeros(col.WIDTH)
    times = np.arange(50.0)
    values = 3 + 0.2 * times + np.random.default_rng(2).normal(0, 0.1, 50)
    b = col.LEVEL
    row[b + col.DEV_N] = 50
    row[b + col.DEV_SUM], row[b + col.DEV_T] = values.sum(), times.sum()
    row[b + col.DEV_TX], row[b + col.DEV_TT] = (times * values).sum(), (times**2).sum()
    assert slope(row, b) == pytest.approx(np.polyfit(times, values, 1)[0])


def test_profile_is_interpolated_around_midnight() -> None:
    row = np.zeros(col.WIDTH)
    bins = np.random.default_rng(3).normal(0, 1, col.PROFILE_BINS)
    row[col.BINS : col.BINS + col.PROFILE_BINS] = bins
    middles = np.arange(-1, col.PROFILE_BINS + 1) + 0.5
    around = np.concatenate([bins[-1:], bins, bins[:1]])
    for place in np.linspace(0, 24, 97, endpoint=False):
        assert expected(row, place) == pytest.approx(np.interp(place, middles, around))

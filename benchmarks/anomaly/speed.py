"""Samples per second of processor time on one core: batches of 2,000 over 1,000 series; state size; cold compile."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time

import numpy as np
from telemetry import ROOT, report

from anomaly import Engine

SERIES, BATCH, ROUNDS = 1000, 2000, 400


def measure() -> dict[str, float]:
    random = np.random.default_rng(1)
    engine = Engine()
    index = np.array([engine.series(f"d{i // 10}", f"m{i % 10}") for i in range(SERIES)], np.int32)
    order = np.tile(index, BATCH // SERIES)
    values = random.normal(10, 1, (ROUNDS, BATCH))
    engine.update(order[:1], np.zeros(1), np.ones(1), 0.0)
    per_round = BATCH // SERIES
    start = time.process_time()
    for turn in range(ROUNDS):
        times = np.repeat(np.arange(per_round) + turn * per_round + 1.0, SERIES) * 10.0
        engine.update(order, times, values[turn], times[-1])
    seconds = time.process_time() - start
    count = ROUNDS * BATCH
    return {
        "samples_per_core_second": round(count / seconds),
        "numpy_ewma_loop_per_core_second": ewma_loop(order, values[:20]),
        "state_bytes_per_series": round(len(engine.to_bytes()) / SERIES),
    }


def ewma_loop(order: np.ndarray, values: np.ndarray) -> int:
    """The per-series mean and variance in a Python loop over numpy arrays, for comparison."""
    mean, variance = np.zeros(SERIES), np.ones(SERIES)
    start = time.process_time()
    for row in values:
        for i, x in zip(order, row, strict=True):
            away = x - mean[i]
            mean[i] += 0.05 * away
            variance[i] += 0.05 * (away * away - variance[i])
    return round(values.size / (time.process_time() - start))


def cold_compile_s() -> float:
    code = (
        "import numpy as np, time, anomaly; e = anomaly.Engine(); s = e.series('d', 'm');"
        "t = time.process_time(); e.update(np.full(1, s, np.int32), np.ones(1), np.ones(1), 1.0);"
        "print(time.process_time() - t)"
    )
    with tempfile.TemporaryDirectory() as cache:
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True,
            env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "FOREWARN_KERNEL_CACHE": cache},
        )  # fmt: skip
    return round(float(done.stdout), 1)


if __name__ == "__main__":
    report("speed", measure() | {"cold_compile_core_s": cold_compile_s()})

"""Samples per second of one core: batches of 2,000 over 1,000 series; state size; cold compile."""

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
    start = time.perf_counter()
    for turn in range(ROUNDS):
        times = np.repeat(np.arange(per_round) + turn * per_round + 1.0, SERIES) * 10.0
        engine.update(order, times, values[turn], times[-1])
    seconds = time.perf_counter() - start
    count = ROUNDS * BATCH
    ewma = np.zeros(SERIES)
    start = time.perf_counter()
    for number in values[0].tolist() * 20:  # the per-sample Python loop that it replaces
        ewma[0] += 0.1 * (number - ewma[0])
    python_rate = BATCH * 20 / (time.perf_counter() - start)
    return {
        "samples_per_s": round(count / seconds),
        "python_ewma_loop_per_s": round(python_rate),
        "state_bytes_per_series": round(len(engine.to_bytes()) / SERIES),
    }


def cold_compile_s() -> float:
    code = (
        "import numpy as np, time, anomaly; e = anomaly.Engine(); s = e.series('d', 'm');"
        "t = time.perf_counter(); e.update(np.full(1, s, np.int32), np.ones(1), np.ones(1), 1.0);"
        "print(time.perf_counter() - t)"
    )
    with tempfile.TemporaryDirectory() as cache:
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True,
            env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "FOREWARN_KERNEL_CACHE": cache},
        )  # fmt: skip
    return round(float(done.stdout), 1)


if __name__ == "__main__":
    report("speed", measure() | {"cold_compile_s": cold_compile_s()})

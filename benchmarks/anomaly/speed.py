"""Samples per second of processor time on one core over 10,000 series, beside what others would run.

Peers, each judging one series at a time as it would be written without us: River's HalfSpaceTrees (its
defaults, score_one and learn_one per sample; `pip install .[benchmarks]`), and "a per-series numpy EWMA loop": for
each sample of each series a mean, a variance and a z-score kept in numpy arrays, in a Python loop. That is
the plain reading. Two faster ways to write an EWMA are printed beside it, so that nobody has to guess:
one numpy step per round of all series (which needs all series sampled at the same times), and
scipy.signal.lfilter per series (which needs the whole history at once).

A shared machine is up to twice as slow from one second to the next, so the engine and the loop take turns;
each turn's ratio is printed, and their medians are what counts. Measured are 10,000 series from their first
sample on, as ever, and 10,000 whose three judges have learned and judge each sample.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

import numpy as np
from river.anomaly import HalfSpaceTrees
from scipy.signal import lfilter
from telemetry import ROOT, report

from anomaly import Engine

SERIES, PER_DEVICE, ROUNDS, STEP_S = 10_000, 10, 400, 10.0
TURNS = 5
LEARNED_ROUNDS, LEARNED_STEP_S = 2400, 120.0  # after three days and eight hours every judge judges
ALPHA = 0.05


def per_second(count: int, work: Callable[[], object]) -> int:
    start = time.process_time()
    work()
    return round(count / (time.process_time() - start))


def fleet(series: int) -> tuple[Engine, np.ndarray]:
    """An engine that knows so many series and is compiled; their indices."""
    engine = Engine()
    names = [(f"d{i // PER_DEVICE}", f"m{i % PER_DEVICE}") for i in range(series)]
    index = np.array([engine.series(*name) for name in names], np.int32)
    engine.update(index[:1], np.zeros(1), np.ones(1), 0.0)
    return engine, index


def feed(
    engine: Engine, index: np.ndarray, values: np.ndarray, from_s: float, step_s: float
) -> float:
    """Seconds of processor time for these rounds."""
    taken = 0.0
    for turn, row in enumerate(values):
        times = np.full(len(index), from_s + step_s * (turn + 1.0))
        start = time.process_time()
        engine.update(index, times, row, times[-1])
        taken += time.process_time() - start
    return taken


def engine_speed(series: int, rounds: int) -> tuple[int, int]:
    """Samples per second from the first on; bytes of state per series."""
    values = np.random.default_rng(1).normal(10, 1, (rounds, series))
    engine, index = fleet(series)
    taken = feed(engine, index, values, 0.0, STEP_S)
    return round(values.size / taken), round(len(engine.to_bytes()) / series)


def loop_speed() -> int:
    values = np.random.default_rng(2).normal(10, 1, (20, 1000))
    return per_second(values.size, lambda: ewma_loop(values))


def in_turns(work: Callable[[], int]) -> dict[str, object]:
    """The engine's samples per second and the loop's before and after it, turn by turn."""
    loop, turns, ratios = loop_speed(), [], []
    for _ in range(TURNS):
        speed, after = work(), loop_speed()
        turns.append(speed)
        ratios.append(round(speed / ((loop + after) / 2), 2))
        loop = after
    return {
        "samples_per_core_second": round(float(np.median(turns))),
        "turns": turns,
        "times_the_ewma_loop": round(float(np.median(ratios)), 2),
        "times_the_ewma_loop_by_turns": ratios,
    }


def judged() -> Callable[[], int]:
    """10,000 series that have learned; each call goes on with them."""
    random = np.random.default_rng(3)
    engine, index = fleet(SERIES)
    values = random.normal(10, 1, (50, SERIES))
    at_s = 0.0
    for _ in range(LEARNED_ROUNDS // len(values)):
        feed(engine, index, values, at_s, LEARNED_STEP_S)
        at_s += len(values) * LEARNED_STEP_S
    assert all(engine.baseline(int(at)) is not None for at in index)

    def more() -> int:
        nonlocal at_s
        taken = feed(engine, index, values, at_s, LEARNED_STEP_S / 4)
        at_s += len(values) * LEARNED_STEP_S / 4
        return round(values.size / taken)

    return more


def ewma_loop(values: np.ndarray) -> None:
    """Per series and sample: z-score against an exponential mean and variance held in numpy arrays."""
    rounds, series = values.shape
    mean, variance, score = np.zeros(series), np.ones(series), np.zeros(series)
    for row in values:
        for i in range(series):
            away = row[i] - mean[i]
            score[i] = abs(away) / np.sqrt(variance[i])
            mean[i] += ALPHA * away
            variance[i] += ALPHA * (away * away - variance[i])
    assert rounds
    assert np.isfinite(score).all()


def ewma_rounds(values: np.ndarray) -> None:
    """One vectorised step per round of all series."""
    mean, variance = np.zeros(values.shape[1]), np.ones(values.shape[1])
    for row in values:
        away = row - mean
        np.abs(away) / np.sqrt(variance)
        mean += ALPHA * away
        variance += ALPHA * (away * away - variance)


def ewma_filter(values: np.ndarray) -> None:
    """One filter per series over its whole history."""
    for column in np.ascontiguousarray(values.T):
        away = column - lfilter([ALPHA], [1, ALPHA - 1], column)
        np.abs(away) / np.sqrt(lfilter([ALPHA], [1, ALPHA - 1], away * away) + 1e-9)


def half_space_trees(values: np.ndarray) -> None:
    """River's detector per series, defaults; values scaled to 0..1 as it wants them."""
    models = [HalfSpaceTrees(seed=1) for _ in range(values.shape[1])]
    for row in (values - values.min()) / np.ptp(values):
        for model, value in zip(models, row.tolist(), strict=True):
            sample = {"value": value}
            model.score_one(sample)
            model.learn_one(sample)


def measure() -> dict[str, object]:
    values = np.random.default_rng(2).normal(10, 1, (400, 1000))
    first = in_turns(lambda: engine_speed(SERIES, ROUNDS)[0])
    peers = {
        "numpy_ewma_loop": loop_speed(),
        "river_half_space_trees": per_second(20_000, lambda: half_space_trees(values[:, :50])),
        "numpy_ewma_all_series_at_once": per_second(400_000, lambda: ewma_rounds(values)),
        "scipy_lfilter_per_series": per_second(400_000, lambda: ewma_filter(values)),
    }
    overall = first["samples_per_core_second"]
    assert isinstance(overall, int)
    return {
        "series": SERIES,
        **first,
        "all_judged": in_turns(judged()),
        "over_1000_series": in_turns(lambda: engine_speed(1000, 1000)[0]),
        "state_bytes_per_series": engine_speed(SERIES, 2)[1],
        "beside_per_core_second": peers,
        "times_as_fast": {name: round(overall / peer, 2) for name, peer in peers.items()}
        | {"numpy_ewma_loop": first["times_the_ewma_loop"]},
    }


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

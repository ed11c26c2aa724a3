"""The false-alarm budget on healthy fleets of many shapes: episodes per device-day against what was asked.

Synthetic on purpose: nothing is wrong with any of these devices, and there is enough of them to see a
rate of one alarm in 200 days. Two fleets: devices of one metric, and of four that share their budget.
"""

from __future__ import annotations

import sys
from collections import Counter

import numpy as np
from telemetry import episodes, play_rows, report

from anomaly import Engine, EngineSettings

DAY_S, STEP_S, DAYS, DEVICES, SEED = 86400.0, 600.0, 60, 12, 23
BUDGETS = (0.005, 0.02, 0.1, 0.25)
T0 = 1_700_000_000.0
SHAPES = (
    "white", "ar_hour", "ar_day", "seasonal", "weekly", "heavy", "bursts", "quantised", "counts", "walk",
)  # fmt: skip


def autoregressive(random: np.random.Generator, n: int, memory_s: float) -> np.ndarray:
    keep = np.exp(-STEP_S / memory_s)
    noise = random.normal(0, np.sqrt(1 - keep * keep), n)
    out = np.empty(n)
    value = random.normal()
    for k in range(n):
        value = keep * value + noise[k]
        out[k] = value
    return out


def healthy(shape: str, random: np.random.Generator, n: int) -> np.ndarray:
    """One metric's readings, shape (n,)."""
    white = random.normal(0, 1, n)
    time_s = T0 + STEP_S * np.arange(n)
    day = np.sin(2 * np.pi * time_s / DAY_S + random.uniform(0, 6))
    if shape == "ar_hour":
        return autoregressive(random, n, 3600.0)
    if shape == "ar_day":
        return autoregressive(random, n, DAY_S)
    if shape == "seasonal":
        return 5 * day + autoregressive(random, n, 4 * 3600.0) + 0.3 * white
    if shape == "weekly":
        work = (time_s // DAY_S % 7 < 5) * (np.abs(time_s % DAY_S / 3600 - 13) < 5)
        return 4.0 * work + 0.5 * white
    if shape == "heavy":
        return random.standard_t(2, n)
    if shape == "bursts":
        return white * (1 + 8 * (random.random(n) < 0.01))
    if shape == "quantised":
        return np.round(autoregressive(random, n, 6 * 3600.0) * 2) / 2
    if shape == "counts":
        return random.poisson(np.exp(1 + day)).astype(float)
    if shape == "walk":
        return np.cumsum(0.05 * white)
    return white


def measure(shape: str, budget: float, metrics: int) -> tuple[int, Counter[str]]:
    """False episodes and kinds over all devices of one fleet."""
    random = np.random.default_rng([SEED, SHAPES.index(shape), metrics])
    n = int(DAYS * DAY_S / STEP_S)
    times = T0 + STEP_S * np.arange(n)
    told, kinds = 0, Counter[str]()
    for number in range(DEVICES):
        values = np.stack([healthy(shape, random, n) for _ in range(metrics)], axis=1)
        engine = Engine(EngineSettings(false_alarms_per_device_day=budget))
        names = [f"m{at}" for at in range(metrics)]
        found, alarms = play_rows(engine, f"d{number}", names, times, values)
        told += episodes(alarms)
        kinds.update(finding.kind for finding in found)
    return told, kinds


def main(shapes: tuple[str, ...] = SHAPES) -> None:
    table: dict[str, dict[str, dict[str, object]]] = {}
    device_days = DAYS * DEVICES
    for metrics in (1, 4):
        for budget in BUDGETS:
            total = 0
            row: dict[str, object] = {}
            for shape in shapes:
                told, kinds = measure(shape, budget, metrics)
                total += told
                row[shape] = {"per_device_day": round(told / device_days, 4), "kinds": dict(kinds)}
            row["all"] = round(total / device_days / len(shapes), 4)
            table.setdefault(f"{metrics} metrics", {})[f"{budget:g}"] = row
            print(
                metrics,
                budget,
                row["all"],
                {s: row[s]["per_device_day"] for s in shapes},
                file=sys.stderr,
            )  # type: ignore[index]
    report("budget", {"days": DAYS, "devices_per_shape": DEVICES, "asked_and_measured": table})


if __name__ == "__main__":
    main(tuple(sys.argv[1:]) or SHAPES)

"""Turbofan failures as alarms: how many engines are warned at least 30 cycles ahead, how many falsely.

An engine is warned once P(failure within 60 cycles) has been at or above a threshold for three cycles.
Every engine of the training parts (they run to failure) is judged by a model of the others; the
threshold comes from those others alone, by their own folds. A warning in the first half of life is
false. Beside it: a warning after a fixed age, chosen the same way, always-on and silent.
"""

from __future__ import annotations

import json
import sys

import numpy as np
from telemetry import DATA, RESULTS, read_rows, report

from anomaly.fleet.failure_model import train_failure
from anomaly.fleet.life_model import table_features
from anomaly.fleet.life_table import UnitTable

HORIZON, AHEAD, IN_A_ROW, FOLDS = 60.0, 30, 3, 3
NAMES = ["s1", "s2", "s3", *(f"x{i}" for i in range(1, 22))]
FALSE_SHARE = 0.01
Told = list[np.ndarray]


def table_of(rows: np.ndarray) -> UnitTable:
    return UnitTable([str(int(u)) for u in rows[:, 0]], rows[:, 1], NAMES, rows[:, 2:])


def told(train: np.ndarray, test: np.ndarray, settings: list[str]) -> Told:
    """For each unit of `test` the probability at each cycle, by a model of `train`."""
    table = table_of(train)
    model = train_failure(table, "unit", "cycle", failed=set(table.units), horizon=HORIZON,
                          settings=settings, seed=1)  # fmt: skip
    features = table_features(table_of(test), model.scaling, model.windows)
    return [model.probability(unit) for unit in features]


def first_at(told_of: np.ndarray, threshold: float) -> int | None:
    """The first row by which the threshold has been met for three rows."""
    above = np.convolve(told_of >= threshold, np.ones(IN_A_ROW), "full")[: len(told_of)]
    hits = np.flatnonzero(above >= IN_A_ROW)
    return int(hits[0]) if len(hits) else None


def judged(warned: list[int | None], lives: list[int]) -> tuple[float, float, float]:
    """Share warned in time and not falsely, share falsely, median cycles ahead of those in time."""
    false = [w is not None and w < life / 2 for w, life in zip(warned, lives, strict=True)]
    ahead = [-1 if w is None else life - 1 - w for w, life in zip(warned, lives, strict=True)]
    good = [a >= AHEAD and not f for a, f in zip(ahead, false, strict=True)]
    return (float(np.mean(good)), float(np.mean(false)),
            float(np.median([a for a, g in zip(ahead, good, strict=True) if g] or [0])))  # fmt: skip


def best(candidates: np.ndarray, warn: object, lives: list[int]) -> float:
    """The middle of the candidates with the most in time among those within the false share.

    The share is of whole engines, the nearest number of them (1 % of 166 is 2): rounded down, one
    engine that wears out early and lives long decides on the threshold for all.
    """
    allowed_engines = round(FALSE_SHARE * len(lives))
    scores = [judged(warn(c), lives) for c in candidates]  # type: ignore[operator]
    allowed = [(good, c) for c, (good, false, _) in zip(candidates, scores, strict=True)
               if round(false * len(lives)) <= allowed_engines]  # fmt: skip
    if not allowed:
        return float("inf")  # nothing keeps the budget: no warnings at all
    top = max(good for good, _ in allowed)
    return float(np.median([c for good, c in allowed if good == top]))


def folds_of(units: np.ndarray) -> list[np.ndarray]:
    order = np.random.default_rng(3).permutation(units)
    return [order[fold::FOLDS] for fold in range(FOLDS)]


def evaluate(rows: np.ndarray, settings: list[str]) -> dict:
    warned: list[int | None] = []
    by_age: list[int | None] = []
    lives: list[int] = []
    thresholds = []
    for held in folds_of(np.unique(rows[:, 0])):
        others = rows[~np.isin(rows[:, 0], held)]
        inner: Told = []
        for part in folds_of(np.unique(others[:, 0])):
            here = np.isin(others[:, 0], part)
            inner += told(others[~here], others[here], settings)
        inner_lives = [len(unit) for unit in inner]
        threshold = best(np.linspace(0.05, 0.995, 190),
                         lambda c, inner=inner: [first_at(u, c) for u in inner], inner_lives)  # fmt: skip
        age = best(np.arange(40.0, 260.0, 2.0),
                   lambda c, n=inner_lives: [int(c) if c < life else None for life in n],
                   inner_lives)  # fmt: skip
        outer = told(others, rows[np.isin(rows[:, 0], held)], settings)
        thresholds.append(round(threshold, 2))
        warned += [first_at(unit, threshold) for unit in outer]
        by_age += [int(age) if age < len(unit) else None for unit in outer]
        lives += [len(unit) for unit in outer]
    result = {}
    ways = {"warned": warned, "after_a_fixed_age": by_age, "always_on": [0] * len(lives),
            "silent": [None] * len(lives)}  # fmt: skip
    for name, when in ways.items():
        good, false, ahead = judged(list(when), lives)
        result[name] = {"in_time_share": round(good, 3), "false_first_half_share": round(false, 3),
                        "median_cycles_ahead": ahead}  # fmt: skip
    return result | {"thresholds": thresholds, "engines": len(lives)}


def main() -> None:
    """Names on the command line (FD001 …): only these are made again."""
    kept = RESULTS / "anomaly_alarms.json"
    results = json.loads(kept.read_text())["results"] if sys.argv[1:] and kept.exists() else {}
    for name in sys.argv[1:] or ["FD001", "FD003", "FD002", "FD004"]:
        rows = read_rows(DATA / f"cmapss/train_{name}.txt.gz")
        settings = ["s1", "s2", "s3"] if name in ("FD002", "FD004") else []
        results[name] = evaluate(rows, settings)
        report("alarms", {"warned_means": "at least 30 cycles ahead, not in the first half of life",
                          "results": results})  # fmt: skip


if __name__ == "__main__":
    main()

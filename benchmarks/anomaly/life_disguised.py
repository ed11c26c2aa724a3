"""Remaining life where the same turbofans come renamed, in other units, with gaps and other sampling.

FD001 (or the names on the command line): learned from the training part as it is and asked about test
parts sampled otherwise; then learned and asked with every channel renamed, each in a unit of its own
(affine, of either sign), and a fifth of the cycles missing. Each unit's last row stays: it is as of
which the truth holds.
"""

from __future__ import annotations

import sys

import numpy as np
from life import scores
from telemetry import DATA, read_rows, report

from anomaly.fleet.life import SEED
from anomaly.fleet.life_model import LifeModel, train
from anomaly.fleet.life_table import UnitTable

NAMES = ["s1", "s2", "s3", *(f"x{i}" for i in range(1, 22))]


def table_of(rows: np.ndarray, names: list[str]) -> UnitTable:
    return UnitTable([str(int(u)) for u in rows[:, 0]], rows[:, 1], names, rows[:, 2:])


def thinned(rows: np.ndarray, *, dropped: float = 0.0, every: int = 1, seed: int = 0) -> np.ndarray:
    """A share of the rows dropped at random, of the others (counted from the end) every so-manieth kept."""
    random, kept = np.random.default_rng(seed), []
    for unit in np.unique(rows[:, 0]):
        own = rows[rows[:, 0] == unit]
        here = (random.random(len(own)) >= dropped) & (np.arange(len(own))[::-1] % every == 0)
        here[-1] = True
        kept.append(own[here])
    return np.vstack(kept)


def in_other_units(rows: np.ndarray, seed: int = 9) -> np.ndarray:
    random = np.random.default_rng(seed)
    count = rows.shape[1] - 2
    factor = np.exp(random.normal(0.0, 2.0, count)) * random.choice([-1.0, 1.0], count)
    out = rows.copy()
    out[:, 2:] = rows[:, 2:] * factor + random.normal(0.0, 100.0, count)
    return out


def scored(model: LifeModel, rows: np.ndarray, names: list[str], truth: np.ndarray) -> dict:
    told = np.array([row[1:] for row in model.predict(table_of(rows, names))])
    return scores(*told.T, truth)


def main() -> None:
    results = {}
    for name in sys.argv[1:] or ["FD001"]:
        learn, ask = (read_rows(DATA / f"cmapss/{p}_{name}.txt.gz") for p in ("train", "test"))
        truth = np.loadtxt(DATA / f"cmapss/RUL_{name}.txt")
        plain = train(table_of(learn, NAMES), "unit", "cycle", [], None, SEED)
        asked = {
            "as_it_is": ask,
            "asked_with_30_percent_dropped": thinned(ask, dropped=0.3, seed=1),
            "asked_every_2nd_cycle": thinned(ask, every=2),
        }
        result = {way: scored(plain, rows, NAMES, truth) for way, rows in asked.items()}
        renamed = [f"q{7 * i % len(NAMES)}" for i in range(len(NAMES))]
        other = train(
            table_of(in_other_units(thinned(learn, dropped=0.2, seed=2)), renamed),
            "unit", "cycle", [], None, SEED,
        )  # fmt: skip
        result["renamed_other_units_20_percent_dropped_in_both"] = scored(
            other, in_other_units(thinned(ask, dropped=0.2, seed=3)), renamed, truth
        )
        results[name] = result
    report("life_disguised", {"results": results})


if __name__ == "__main__":
    main()

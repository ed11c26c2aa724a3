"""Remaining life on the turbofan simulations: test RMSE at clip 125, PHM score, coverage."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np
from telemetry import DATA, read_rows, report

from anomaly.fleet.life import fit, predict

HEADER = ",".join(["unit", "cycle", "s1", "s2", "s3", *(f"x{i}" for i in range(1, 22))])


def as_csv(rows: np.ndarray, path: Path) -> Path:
    np.savetxt(path, rows, delimiter=",", header=HEADER, comments="", fmt="%.6g")
    return path


def scores(remaining: np.ndarray, low: np.ndarray, high: np.ndarray, truth: np.ndarray) -> dict:
    error = np.minimum(remaining, 125) - np.minimum(truth, 125)
    phm = np.where(error < 0, np.exp(-error / 13) - 1, np.exp(error / 10) - 1).sum()
    return {
        "rmse_clip125": round(float(np.sqrt((error**2).mean())), 2),
        "phm_clip125": round(float(phm), 1),
        "rmse_raw": round(float(np.sqrt(((remaining - truth) ** 2).mean())), 2),
        "coverage_of_80": round(float(((truth >= low) & (truth <= high)).mean()), 3),
        "width": round(float((high - low).mean()), 1),
    }


def evaluate(train: np.ndarray, test: np.ndarray, truth: np.ndarray, settings: list[str]) -> dict:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        start = time.perf_counter()
        fit(as_csv(train, home / "train.csv"), unit="unit", time="cycle", settings=settings,
            out=home / "model.skops")  # fmt: skip
        seconds = time.perf_counter() - start
        rows = predict(
            as_csv(test, home / "test.csv"), model=home / "model.skops", out=home / "o.csv"
        )
    table = np.array([row[1:] for row in rows])
    return scores(*table.T, truth) | {"training_s": round(seconds, 1)}


def cut_short(rows: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Run-to-failure units cut at a random age, and what remained to each."""
    random = np.random.default_rng(seed)
    kept, truth = [], []
    for unit in np.unique(rows[:, 0]):
        own = rows[rows[:, 0] == unit]
        end = random.integers(min(30, len(own) - 1), len(own))
        kept.append(own[:end])
        truth.append(own[-1, 1] - own[end - 1, 1])
    return np.vstack(kept), np.array(truth)


def main() -> None:
    result = {}
    for name in ("FD001", "FD003"):
        truth = np.loadtxt(DATA / f"cmapss/RUL_{name}.txt")
        train, test = (
            read_rows(DATA / f"cmapss/{part}_{name}.txt.gz") for part in ("train", "test")
        )
        result[name] = evaluate(train, test, truth, [])
    for name in ("FD002", "FD004"):
        rows = read_rows(DATA / f"cmapss/train_{name}.txt.gz")
        folds = rows[:, 0].astype(int) % 4
        fold_scores = []
        for fold in range(1):  # one fold of four: the others take the same time again
            test, truth = cut_short(rows[folds == fold], seed=fold)
            fold_scores.append(evaluate(rows[folds != fold], test, truth, ["s1", "s2", "s3"]))
        result[f"{name}_held_out_quarter"] = fold_scores[0]
    report(
        "life",
        {"results": result, "published": {"window features and own first cycles": [10.82, 10.63]}},
    )


if __name__ == "__main__":
    main()

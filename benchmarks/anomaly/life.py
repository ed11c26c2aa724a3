"""Remaining life on the turbofan simulations: RMSE at clip 125, PHM score, coverage.

FD001 and FD003 on their test parts, scored once; everything was chosen by grouped cross-validation on
training parts. FD002 and FD004, whose test parts are not here, by grouped cross-validation.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from telemetry import DATA, RESULTS, read_rows, report

from anomaly.fleet.life import fit, predict

FOLDS = 4
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


def learned(train: np.ndarray, test: np.ndarray, settings: list[str]) -> tuple[np.ndarray, float]:
    """Estimates (units, 3) for `test`, and the CPU seconds of learning from `train`."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        start = time.process_time()
        fit(as_csv(train, home / "train.csv"), unit="unit", time="cycle", settings=settings,
            out=home / "model.skops")  # fmt: skip
        seconds = time.process_time() - start
        rows = predict(
            as_csv(test, home / "test.csv"), model=home / "model.skops", out=home / "o.csv"
        )
    return np.array([row[1:] for row in rows]), seconds


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


def grouped(rows: np.ndarray, settings: list[str]) -> dict:
    """Every unit once among the held-out: cut at a random age, estimated by a model of the others."""
    fold_of = rows[:, 0].astype(int) % FOLDS
    estimates, truths, seconds = [], [], []
    for fold in range(FOLDS):
        test, truth = cut_short(rows[fold_of == fold], fold)
        found, took = learned(rows[fold_of != fold], test, settings)
        estimates.append(found)
        truths.append(truth)
        seconds.append(took)
        print(fold, scores(*found.T, truth), flush=True)
    whole = scores(*np.vstack(estimates).T, np.concatenate(truths))
    return whole | {"folds": FOLDS, "training_cpu_s": round(float(np.mean(seconds)), 1)}


def on_test_part(name: str) -> dict:
    truth = np.loadtxt(DATA / f"cmapss/RUL_{name}.txt")
    train, test = (read_rows(DATA / f"cmapss/{part}_{name}.txt.gz") for part in ("train", "test"))
    found, took = learned(train, test, [])
    mean = np.full(len(truth), np.minimum(truth, 125).mean())
    return scores(*found.T, truth) | {
        "training_cpu_s": round(took, 1),
        "always_the_mean_rmse_clip125": scores(mean, mean, mean, truth)["rmse_clip125"],
    }


def main() -> None:
    """Names on the command line (FD001 …): only these are made again."""
    kept = RESULTS / "anomaly_life.json"
    result = json.loads(kept.read_text())["results"] if sys.argv[1:] and kept.exists() else {}
    for name in sys.argv[1:] or ["FD001", "FD003", "FD002", "FD004"]:
        if name in ("FD001", "FD003"):
            result[f"{name}_test"] = on_test_part(name)
        else:
            rows = read_rows(DATA / f"cmapss/train_{name}.txt.gz")
            result[f"{name}_grouped_cv"] = grouped(rows, ["s1", "s2", "s3"])
        report("life", {"clip": "truth and estimate at 125; rmse_raw is without clip",
                        "results": result,
                        "published_clip125": {"window features and own first cycles, FD001..4":
                                              [10.82, 11.21, 10.63, 11.28]}})  # fmt: skip


if __name__ == "__main__":
    main()

"""Application servers (SMD, ASD): events found at a quarter of a false episode per device-day.

Training rows are the known healthy ones, the budget is the only thing told. Machines at even places
of the list were looked at while tuning; the others were only scored.
"""

from __future__ import annotations

import argparse

import numpy as np
from scored import event_recall, score_table, summed
from telemetry import DATA, read_rows, report
from vus import vus_pr

BUDGET, SEED = 0.25, 5
SETS = {"smd": (60.0, 100), "asd": (300.0, 30)}  # seconds between rows, rows of VUS' shoulders


def machines(name: str) -> list[tuple[str, np.ndarray, np.ndarray, np.ndarray]]:
    """Name, training values, test values, labels."""
    found = []
    if name == "smd":
        for path in sorted((DATA / "smd/train").glob("*.txt.gz")):
            stem = path.name.removesuffix(".txt.gz")
            labels = np.loadtxt(DATA / f"smd/test_label/{stem}.txt") > 0
            test = read_rows(DATA / "smd/test" / path.name, ",")
            found.append((stem, read_rows(path, ","), test, labels))
    else:
        for number in range(1, 7):
            stem = f"omi-{number}"
            labels = np.loadtxt(DATA / f"asd/{stem}_test_label.csv") > 0
            train, test = (
                read_rows(DATA / f"asd/{stem}_{part}.csv.gz", ",") for part in ("train", "test")
            )
            found.append((stem, train, test, labels))
    return found


def beside(labels: np.ndarray, step_s: float) -> dict[str, np.ndarray]:
    """Detectors that know nothing."""
    random = np.random.default_rng(SEED).random(len(labels))
    return {
        "random_at_the_budget": random < BUDGET * step_s / 86400,
        "always_on": np.ones(len(labels), bool),
        "silent": np.zeros(len(labels), bool),
    }


def run(name: str) -> dict[str, object]:
    step_s, window = SETS[name]
    rows, volumes, random_volumes, table = [], [], [], []
    others: dict[str, list[dict[str, float]]] = {}
    for stem, train, test, labels in machines(name):
        both = np.vstack([train, test])
        scores, alarms, _, _ = score_table(both, step_s, len(train), BUDGET)
        scores, alarms = scores[len(train) :], alarms[len(train) :]
        rows.append(event_recall(alarms, labels, step_s))
        volumes.append(vus_pr(labels, scores, window))
        noise = np.random.default_rng(SEED).random(len(labels))
        random_volumes.append(vus_pr(labels, noise, window))
        for other, guess in beside(labels, step_s).items():
            others.setdefault(other, []).append(event_recall(guess, labels, step_s))
        table.append({"machine": stem, "vus_pr": round(volumes[-1], 3)} | summed(rows[-1:]))
    return {
        "all": summed(rows) | {"vus_pr": round(float(np.mean(volumes)), 3)},
        "looked_at": summed(rows[::2]) | {"vus_pr": round(float(np.mean(volumes[::2])), 3)},
        "the_rest": summed(rows[1::2]) | {"vus_pr": round(float(np.mean(volumes[1::2])), 3)},
        "beside": {other: summed(many) for other, many in others.items()}
        | {"random_vus_pr": round(float(np.mean(random_volumes)), 3)},
        "machines": table,
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sets", nargs="*", default=list(SETS))
    for chosen in parser.parse_args().sets:
        report(f"servers_{chosen}", {"budget_per_device_day": BUDGET} | run(chosen))

"""Water testbed, row by row: the first 400 rows of each run are known healthy, the rest is judged.

False and missed alarm rates over rows, and NAB on changepoints as the testbed's authors score them:
every switching on or off of the alarm is a changepoint told; right within 60 s after a labelled one.
The run judge's limit was chosen while watching these 16 runs: there is no untouched half.
"""

from __future__ import annotations

import numpy as np
from scored import score_table
from telemetry import DATA, read_wide, report

HEALTHY, WINDOW_S, SEED = 400, 60.0, 5
LABELS = ("anomaly", "changepoint")


def changepoints(
    times: np.ndarray, true: np.ndarray, told: np.ndarray
) -> tuple[float, int, int, int]:
    """Sum of NAB's standard profile, changepoints, those missed, false ones."""
    total, missed, used = 0.0, 0, set()
    for point in true:
        inside = told[(times[told] >= times[point]) & (times[told] <= times[point] + WINDOW_S)]
        if len(inside):
            used.update(inside.tolist())
            place = (times[inside[0]] - times[point]) / WINDOW_S - 1.0
            total += 2.0 / (1.0 + np.exp(5.0 * place)) - 1.0
        else:
            missed += 1
            total -= 1.0
    false = len(told) - len(used)
    return total - 0.11 * false, len(true), missed, false


def judge(runs: list[tuple[np.ndarray, ...]]) -> dict[str, float]:
    """`runs` hold times, labels, changepoints and alarms of the rows behind the healthy ones."""
    false = missed = normal = ill = 0
    parts = []
    for times, labels, points, alarms in runs:
        false += int((alarms & ~labels).sum())
        missed += int((~alarms & labels).sum())
        normal, ill = normal + int((~labels).sum()), ill + int(labels.sum())
        told = np.flatnonzero(np.diff(alarms.astype(int), prepend=0))
        parts.append(changepoints(times, np.flatnonzero(points), told))
    total, count, lost, extra = (sum(column) for column in zip(*parts, strict=True))
    return {
        "false_alarm_rate": round(false / normal, 3),
        "missed_alarm_rate": round(missed / ill, 3),
        "changepoint_nab": round(100 * (total + count) / (2 * count), 1),
        "changepoints": count,
        "missed": lost,
        "false": extra,
    }


def main() -> None:
    random = np.random.default_rng(SEED)
    tables: dict[str, list[tuple[np.ndarray, ...]]] = {}
    for number in range(16):
        names, times, values = read_wide(DATA / f"skab/valve1/{number}.csv.gz")
        columns = [index for index, name in enumerate(names) if name not in LABELS]
        labels, points = (values[:, names.index(name)] > 0 for name in LABELS)
        _, alarms, _, _ = score_table(values[:, columns], 1.0, HEALTHY, times=times)
        here = slice(HEALTHY, None)
        guesses = {
            "ours": alarms[here],
            "random": random.random(len(times) - HEALTHY) < 0.5,
            "always_on": np.ones(len(times) - HEALTHY, bool),
            "silent": np.zeros(len(times) - HEALTHY, bool),
        }
        for name, guess in guesses.items():
            tables.setdefault(name, []).append((times[here], labels[here], points[here], guess))
    judged = {name: judge(runs) for name, runs in tables.items()}
    report("skab_rows", judged.pop("ours") | {"beside": judged})


if __name__ == "__main__":
    main()

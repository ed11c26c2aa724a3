"""The same measures when the data is told otherwise: what a detector tuned to its test files would lose.

Each table is put through a seeded disguise before it is scored: columns in another order and under
other names, every column in another unit (scaled and shifted), every second row only, one row in
twenty lost, and an hour a day without any. Labels go with their rows. Printed beside the plain figures.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from healthy import judge as false_episodes
from scored import START_S, event_recall, score_table, summed
from servers import BUDGET, SETS, machines
from skab_rows import HEALTHY, LABELS
from skab_rows import judge as judge_runs
from telemetry import DATA, play_rows, read_wide, report, rooms
from vus import vus_pr

from anomaly import Engine

SEED = 7
Disguise = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
"""Times (n,), values (n, metrics) → the rows kept, their values as the disguise tells them."""


def plain(times: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.arange(len(times)), values


def disguise(
    random: np.random.Generator, *, every: int = 2, lost: float = 0.05, gap_s: float = 3600.0
) -> Disguise:
    """One disguise for all parts of a device's history: `every` so manieth row is kept."""
    told: dict[int, tuple[np.ndarray, np.ndarray, np.ndarray]] = {}

    def of(times: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        count = values.shape[1]
        if count not in told:
            scale = 10.0 ** random.uniform(-2, 2, count)
            told[count] = random.permutation(count), scale, random.normal(0, 10, count) * scale
        order, scale, shift = told[count]
        keep = np.arange(len(times)) % every == 0
        keep &= random.random(len(times)) >= lost
        keep &= (times + random.uniform(0, 86400)) % 86400 >= gap_s
        rows = np.flatnonzero(keep)
        return rows, (values[rows] * scale + shift)[:, order]

    return of


def servers(name: str, make: Callable[[], Disguise]) -> dict[str, float]:
    step_s, window = SETS[name]
    counts, volumes = [], []
    for _, train, test, labels in machines(name):
        both = np.vstack([train, test])
        times = START_S + step_s * np.arange(len(both))
        rows, values = make()(times, both)
        healthy = int((rows < len(train)).sum())
        scores, alarms, _, _ = score_table(values, step_s, healthy, BUDGET, times[rows])
        kept = labels[rows[healthy:] - len(train)]
        every_s = step_s * len(both) / len(rows)
        counts.append(event_recall(alarms[healthy:], kept, every_s))
        shoulder = max(1, round(window * step_s / every_s))
        volumes.append(vus_pr(kept, scores[healthy:], shoulder))
    return summed(counts) | {"vus_pr": round(float(np.mean(volumes)), 3)}


def testbed(make: Callable[[], Disguise]) -> dict[str, float]:
    runs = []
    for number in range(16):
        names, times, values = read_wide(DATA / f"skab/valve1/{number}.csv.gz")
        columns = [index for index, name in enumerate(names) if name not in LABELS]
        rows, told = make()(times, values[:, columns])
        labels, points = (values[:, names.index(name)] > 0 for name in LABELS)
        where = np.searchsorted(rows, np.flatnonzero(points)).clip(max=len(rows) - 1)
        moved = np.zeros(len(rows), bool)
        moved[where] = True
        healthy = int((rows < HEALTHY).sum())
        _, alarms, _, _ = score_table(told, 1.0, healthy, times=times[rows])
        here = slice(healthy, None)
        runs.append((times[rows][here], labels[rows][here], moved[here], alarms[here]))
    return judge_runs(runs)


def healthy_rooms(make: Callable[[], Disguise]) -> dict[str, float]:
    total, days = 0, 0.0
    for room, (metrics, times, values) in rooms():
        rows, told = make()(times, values)
        names = [f"c{index}" for index in range(len(metrics))]
        found, alarms = play_rows(Engine(), room, names, times[rows], told)
        total, days = total + false_episodes(found, alarms), days + (times[-1] - times[0]) / 86400
    return {"false_episodes": total, "per_device_day": round(total / days, 4)}


def main() -> None:
    result: dict[str, object] = {}
    for name in ("plain", "disguised", "sparser"):
        random = np.random.default_rng(SEED)

        def make(name: str = name, random: np.random.Generator = random) -> Disguise:
            if name == "plain":
                return plain
            return disguise(random, every=2 if name == "disguised" else 5)

        def short(random: np.random.Generator = random, name: str = name) -> Disguise:
            # A run of twenty minutes has no room for an hour's gap, nor for one row of five.
            return plain if name == "plain" else disguise(random, every=2, gap_s=0.0)

        result[name] = {
            "smd": servers("smd", make),
            "asd": servers("asd", make),
            "keti": healthy_rooms(make),
        } | ({"skab": testbed(short)} if name != "sparser" else {})
    report("disguised", result)


if __name__ == "__main__":
    main()

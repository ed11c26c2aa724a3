"""NAB v1.1 without realKnownCause: 51 series through `forewarn score`, by its official scoring.

One threshold on the score column serves all series, as NAB has it; the one best for the whole set is
printed, and beside it each half of the files scored with the threshold that is best for the other.
Files at even places of the list were looked at while tuning.
"""

from __future__ import annotations

import csv
import gzip
import json

import numpy as np
from nab_scoring import PROFILES, Series, best_score, score_at
from scored import score_table
from telemetry import DATA, report

SEED = 5


def corpus() -> list[tuple[str, np.ndarray, np.ndarray, list[tuple[int, int]]]]:
    """Name, unix seconds, values, windows as first and last row."""
    found = []
    windows = json.loads((DATA / "nab/labels/combined_windows.json").read_text())
    for name, spans in windows.items():
        with gzip.open(DATA / f"nab/data/{name}.gz", "rt") as stream:
            rows = list(csv.reader(stream))[1:]
        times = np.array([row[0].replace(" ", "T") for row in rows], "datetime64[us]")
        places = [
            tuple(int(np.flatnonzero(times == np.datetime64(edge.replace(" ", "T")))[0]) for edge in span)
            for span in spans
        ]  # fmt: skip
        values = np.array([float(row[1]) for row in rows])
        found.append((name, times.astype(np.int64) / 1e6, values, places))
    return found


def all_profiles(series: list[Series]) -> dict[str, float]:
    return {profile: round(best_score(series, profile)[0], 1) for profile in PROFILES}


def crossed(own: list[Series], other: list[Series]) -> dict[str, float]:
    """Scores with the threshold that is best for another set."""
    return {
        profile: round(score_at(own, profile, best_score(other, profile)[1]), 1)
        for profile in PROFILES
    }


def main() -> None:
    random = np.random.default_rng(SEED)
    ours, perfect, chance, always = [], [], [], []
    for _, times, values, windows in corpus():
        scores, _, _, _ = score_table(values[:, None], 0.0, None, times=times)
        ours.append(Series(scores, windows))
        marks = np.zeros(len(values))
        marks[[left for left, _ in windows]] = 1.0
        perfect.append(Series(marks, windows))
        chance.append(Series(random.random(len(values)), windows))
        always.append(Series(np.ones(len(values)), windows))
    even, odd = ours[::2], ours[1::2]
    result = {
        "best_threshold": all_profiles(ours),
        "thresholds": {name: round(best_score(ours, name)[1], 4) for name in PROFILES},
        "looked_at": all_profiles(even),
        "the_rest": all_profiles(odd),
        "the_rest_at_the_other_half_s_threshold": crossed(odd, even),
        "looked_at_at_the_other_half_s_threshold": crossed(even, odd),
        "beside": {
            "perfect": all_profiles(perfect),
            "random": all_profiles(chance),
            "silent": all_profiles([Series(np.zeros(len(s.scores)), s.windows) for s in ours]),
            "always_on": {
                name: round(score_at(always, name, 1.0), 1) for name in PROFILES
            },
        },
    }  # fmt: skip
    report("nab", result)


if __name__ == "__main__":
    main()

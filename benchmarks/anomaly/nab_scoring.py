"""NAB's official scoring, written from its paper (Lavin and Ahmad 2015, arXiv:1510.03336).

An alarm inside a labelled window earns the more the earlier it comes, an alarm outside costs the
more the later after a window it comes; only a window's best alarm counts, every alarm outside does.
One threshold serves the whole corpus; 0 is the silent detector, 100 the perfect one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
PROBATION, PROBATION_ROWS = 0.15, 5000
PROFILES = {
    "standard": (1.0, 0.11, 1.0),
    "reward_low_FP_rate": (1.0, 0.22, 1.0),
    "reward_low_FN_rate": (1.0, 0.11, 2.0),
}  # weights of a true positive, a false positive, a missed window; tested against the data's file


@dataclass(frozen=True, slots=True)
class Series:
    """One series' scores, shape (n,), and its windows as first and last row, both included."""

    scores: Floats
    windows: Sequence[tuple[int, int]]


def scaled_sigmoid(place: Floats) -> Floats:
    """+0.99 at the window's left edge (-1), 0 at its right edge, -1 well behind it."""
    return np.where(place > 3.0, -1.0, 2.0 / (1.0 + np.exp(5.0 * np.minimum(place, 3.0))) - 1.0)


def worth(rows: int, windows: Sequence[tuple[int, int]]) -> tuple[Floats, npt.NDArray[np.int64]]:
    """What an alarm at each row is worth before weighting, and the row's window (-1: none)."""
    place, owner = np.full(rows, 4.0), np.full(rows, -1)
    for left, right in windows:
        past = np.arange(right + 1, rows)
        place[past] = (past - right) / max(right - left, 1)
    for number, (left, right) in enumerate(windows):
        inside = np.arange(left, right + 1)
        place[inside] = -(right - inside + 1) / (right - left + 1)
        owner[inside] = number
    value = scaled_sigmoid(place)
    value[owner >= 0] /= 2.0 / (1.0 + math.exp(-5.0)) - 1.0
    return value, owner


def sweep(corpus: Sequence[Series], profile: str) -> tuple[Floats, Floats]:
    """Every threshold that changes anything, highest first, and the normalised score at each."""
    tp_weight, fp_weight, fn_weight = PROFILES[profile]
    scores, values, owners, first = [], [], [], 0
    for series in corpus:
        value, owner = worth(len(series.scores), series.windows)
        skip = int(min(math.floor(PROBATION * len(value)), PROBATION * PROBATION_ROWS))
        scores.append(series.scores[skip:])
        values.append(value[skip:])
        owners.append(np.where(owner >= 0, owner + first, -1)[skip:])
        first += len(series.windows)
    score, value, owner = (np.concatenate(parts) for parts in (scores, values, owners))
    order = np.argsort(-score, kind="stable")
    score, value, owner = score[order], value[order], owner[order]
    gain = np.where(owner < 0, fp_weight * value, 0.0)
    best: dict[int, float] = {}
    for at in np.flatnonzero(owner >= 0):
        window, now = int(owner[at]), tp_weight * float(value[at])
        before = best.get(window, -fn_weight)
        if now > before:
            gain[at], best[window] = now - before, now
    total = np.cumsum(gain)
    last = np.append(np.flatnonzero(np.diff(score)), len(score) - 1)
    span = (tp_weight + fn_weight) * first
    return np.append(np.inf, score[last]), np.append(0.0, 100.0 * total[last] / span)


def best_score(corpus: Sequence[Series], profile: str) -> tuple[float, float]:
    """Highest normalised score over one threshold for all series, and that threshold."""
    thresholds, totals = sweep(corpus, profile)
    at = int(np.argmax(totals))
    return float(totals[at]), float(thresholds[at])


def score_at(corpus: Sequence[Series], profile: str, threshold: float) -> float:
    """Normalised score of alarms at or above a threshold chosen elsewhere."""
    thresholds, totals = sweep(corpus, profile)
    return float(totals[np.flatnonzero(thresholds >= threshold)[-1]])

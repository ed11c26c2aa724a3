"""From samples to rows: the score and alarm of the device as a whole, row by row and causally."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from anomaly.csv_table import Chunk
from anomaly.finding import Finding

Scores = npt.NDArray[np.float32]
Alarms = npt.NDArray[np.uint8]
Rows = tuple[Scores, Alarms]
"""Score and alarm of each row; NaN and 255 for a row without any number."""

FRESH_S = 3600.0
SAME_PROBLEM_S = 2 * 86_400.0
MANY, METRICS_PER_VOICE = (
    12,
    4,
)  # of many metrics one in four must be in alarm to raise the device's


def rows_of(present: npt.NDArray[np.bool_], scores: Scores, alarms: Alarms) -> Rows:
    """What stands at the last sample of each row; `present` is (rows, metrics)."""
    counts = present.sum(axis=1)
    filled = counts > 0
    last = np.cumsum(counts)[filled] - 1
    row_scores = np.full(len(present), np.nan, np.float32)
    row_alarms = np.full(len(present), 255, np.uint8)
    row_scores[filled], row_alarms[filled] = scores[last], alarms[last]
    return row_scores, row_alarms


class Whole:
    """The device's own score and alarm; keeps what a row takes over from the one before.

    The alarm is up when a problem is new: for an hour from the moment a finding opens, or for as
    long as the device as a whole is in alarm. How long a problem lasts is told by its finding.
    """

    def __init__(self, metrics: int) -> None:
        self._one = metrics == 1
        self._needed = 1 if metrics < MANY else -(-metrics // METRICS_PER_VOICE)
        self._scores = np.zeros(1, np.float32)
        self._alarms = np.zeros(1, np.uint8)
        self._open = np.zeros(metrics, np.uint8)
        self._opened_s = -np.inf

    def take(
        self, part: Chunk, scores: Scores, alarms: Alarms, rows: Rows, missing: MissingMetrics,
        vouched_s: float,
    ) -> tuple[Scores, npt.NDArray[np.bool_]]:  # fmt: skip
        """`scores` and `alarms`: (rows, metrics). Returns the device's, shape (rows,).

        Until `vouched_s` a healthy run vouches for the levels and its judge speaks for the metrics.
        """
        if not len(part.times_s):
            return np.empty(0, np.float32), np.empty(0, np.bool_)
        own = scores if self._one else rows[0][:, None]
        self._scores, filled_scores = carry(self._scores, own)
        self._alarms, sudden = carry(self._alarms, rows[1][:, None])
        before = self._open
        self._open, is_open = carry(self._open, alarms)
        opens = is_open > np.vstack([before[None, :], is_open[:-1]])
        enough = is_open.sum(axis=1) >= self._needed
        was_open = np.concatenate(([before.max()], is_open.max(axis=1)[:-1])) > 0
        told_s, opened = self._opened_s, np.full(len(opens), -np.inf)
        for at in np.flatnonzero(opens.any(axis=1) & enough):
            # What opens beside a problem told of late belongs to it.
            if not was_open[at] or part.times_s[at] - self._opened_s > SAME_PROBLEM_S:
                opened[at] = self._opened_s = part.times_s[at]
        opened_s = np.maximum.accumulate(np.concatenate(([told_s], opened)))[1:]
        fresh = enough & (part.times_s - opened_s <= FRESH_S) & (part.times_s > vouched_s)
        alarm = fresh | (sudden[:, 0] > 0) | missing.opened_at(part.times_s)
        return filled_scores[:, 0], alarm


def carry(last: npt.NDArray[Any], table: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], Any]:
    """Fill each missing cell with the column's latest value; returns (last row, filled)."""
    full = np.vstack([last[None, :], table])
    known = np.isfinite(full) if full.dtype == np.float32 else full != 255
    rows = np.where(known, np.arange(len(full))[:, None], 0)
    filled = np.take_along_axis(full, np.maximum.accumulate(rows, axis=0), axis=0)
    return filled[-1], filled[1:]


class MissingMetrics:
    """Metrics that stopped have no rows of their own; the device's alarm speaks for them."""

    def __init__(self) -> None:
        self._spans: dict[str, tuple[float, float]] = {}

    def note(self, finding: Finding) -> None:
        if finding.kind == "silence":
            ended_s = finding.ended_s if finding.ended_s is not None else np.inf
            self._spans[finding.id] = (finding.detected_s, ended_s)

    def opened_at(self, times_s: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
        is_open = np.zeros(len(times_s), np.bool_)
        for start_s, end_s in self._spans.values():
            is_open |= (times_s >= start_s) & (times_s < min(end_s, start_s + FRESH_S))
        return is_open

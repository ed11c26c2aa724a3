"""Remaining life where few units have failed: the forecast of one reading to where the others ended.

Five run-to-failure units are too few to learn from many readings at once. Often one reading tells it
all (a battery's capacity, a brake's thickness): it moves far, and ends at about the same value in
every unit. Then a unit's end is when that reading will get there (`anomaly.forecast`, with the failed
units as peers).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from anomaly.errors import LifeError
from anomaly.fleet.life_features import Floats
from anomaly.fleet.life_table import UnitTable
from anomaly.forecast import LEAST_SAMPLES, Course, time_to_limit

FEW_UNITS: Final = 10
_END_ROWS: Final = 5
_CLEAR: Final = 5.0  # a limit is clear when units move so many times as far as their ends differ
_MOST_ROWS: Final = 2_000


@dataclass(frozen=True, slots=True)
class LimitModel:
    """The reading, its limit, and the courses of the units that got there."""

    reading: str
    limit: float
    peers: list[Course]
    longest: float

    def predict(self, table: UnitTable) -> list[tuple[str, float, float, float]]:
        """(unit, remaining, low, high) as of each unit's last row; raises LifeError.

        What can't be foreseen is told as the longest life that was seen, less the unit's age.
        """
        if self.reading not in table.names:
            raise LifeError(f"the table lacks a column the model was trained on: {self.reading}")
        rows = []
        for unit, times, values in _courses(table, self.reading):
            left = max(self.longest - float(times[-1] - times[0]), 0.0) if len(times) else 0.0
            if len(times) < LEAST_SAMPLES:
                rows.append((unit, left, 0.0, max(left, self.longest)))
                continue
            told = time_to_limit(times, values, self.limit, peers=self.peers)
            point, low, high = (
                end - float(times[-1]) if np.isfinite(end) else max(left, self.longest)
                for end in (told.at, told.low, told.high)
            )
            rows.append((unit, point, min(low, point), max(high, point)))
        return rows


def find_limit(table: UnitTable) -> LimitModel | None:
    """The reading whose ends agree best against how far it moves; None where none is clear."""
    best: tuple[float, LimitModel] | None = None
    for reading in table.names:
        courses = [(t, y) for _, t, y in _courses(table, reading) if len(t) >= 2 * LEAST_SAMPLES]
        if len(courses) < 2 or len(courses) < len(table.unit_rows()):
            continue
        starts = np.array([np.median(y[:_END_ROWS]) for _, y in courses])
        ends = np.array([np.median(y[-_END_ROWS:]) for _, y in courses])
        moved = ends - starts
        if not (np.all(moved > 0) or np.all(moved < 0)):
            continue
        clear = float(np.min(np.abs(moved)) / max(float(np.ptp(ends)), 1e-9 * abs(ends[0]), 1e-300))
        if clear >= _CLEAR and (best is None or clear > best[0]):
            longest = max(float(t[-1] - t[0]) for t, _ in courses)
            limit = float(np.mean([y[-1] for _, y in courses]))
            best = clear, LimitModel(reading, limit, courses, longest)
    return best[1] if best else None


def _courses(table: UnitTable, reading: str) -> list[tuple[str, Floats, Floats]]:
    """Each unit's known values of the reading at rising times, thinned to what a forecast needs."""
    place = table.names.index(reading)
    courses = []
    for unit, rows in table.unit_rows():
        times, values = table.times[rows], table.values[rows, place]
        keep = np.isfinite(values) & (np.diff(times, prepend=-np.inf) > 0.0)
        step = -(-int(keep.sum()) // _MOST_ROWS) or 1
        courses.append((unit, times[keep][::-1][::step][::-1], values[keep][::-1][::step][::-1]))
    return courses

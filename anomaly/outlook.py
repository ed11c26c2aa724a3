"""Where an open finding leads: when its metric crosses a limit that its sensor or physics sets.

Only what was found to degrade is looked at, so a forecast adds no false alarm. The course goes from the
onset to now; a limit that lies further away than a few times as long as the course lasted, or that the
course may never reach, is not spoken of.
"""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

import numpy as np
import numpy.typing as npt

from anomaly.finding import Finding
from anomaly.forecast import LEAST_SAMPLES, Crossing, time_to_limit
from anomaly.limits import named_limit
from anomaly.sentences import lasting, quantity

Floats = npt.NDArray[np.float64]

GROWING: Final = frozenset({"drift", "level_shift", "deviation"})
"""Kinds of findings that may go on to a limit."""
REACH: Final = 4.0  # how far ahead is spoken of, in lengths of the course
POINTS: Final = 128
HUGE: Final = 1e150  # beyond this, squares overflow


class Course:
    """Means of a series over equal stretches of time, 128 to 256 of them where there is as much to tell."""

    def __init__(self) -> None:
        self._step_s = 0.0
        self._counts: dict[int, int] = {}
        self._sums: dict[int, float] = {}

    def add(self, times_s: Floats, values: Floats) -> None:
        """More samples (n,), finite, of any time."""
        if not len(times_s):
            return
        if self._step_s <= 0.0:
            span_s = float(times_s.max() - times_s.min())
            # No finer than a time of that size can be told apart: the places are whole numbers.
            self._step_s = max(span_s / POINTS, 1e-12 * float(np.abs(times_s).max()), 1e-9)
        places, at = np.unique(np.floor(times_s / self._step_s), return_inverse=True)
        counts, sums = np.bincount(at), np.bincount(at, values)
        for place, count, total in zip(
            places.tolist(), counts.tolist(), sums.tolist(), strict=True
        ):
            self._counts[int(place)] = self._counts.get(int(place), 0) + count
            self._sums[int(place)] = self._sums.get(int(place), 0.0) + total
        while len(self._counts) > 2 * POINTS or self._widest() > 2 * POINTS:
            self._halve()

    def since(self, from_s: float) -> tuple[Floats, Floats]:
        """Middles of the stretches that begin at `from_s` or later, and the means there."""
        kept = sorted(place for place in self._counts if place * self._step_s >= from_s)
        times = (np.array(kept, np.float64) + 0.5) * self._step_s
        return times, np.array([self._sums[place] / self._counts[place] for place in kept])

    def _widest(self) -> int:
        return max(self._counts) - min(self._counts)

    def _halve(self) -> None:
        self._step_s *= 2.0
        counts, sums = self._counts, self._sums
        self._counts, self._sums = {}, {}
        for place, count in counts.items():
            self._counts[place // 2] = self._counts.get(place // 2, 0) + count
            self._sums[place // 2] = self._sums.get(place // 2, 0.0) + sums[place]


def with_outlook(
    finding: Finding, course: Course, limits: tuple[float, float], unit: str, *, dated: bool
) -> Finding:
    """The same finding, with a forecast where its metric is on its way to one of its limits."""
    times, values = course.since(finding.onset_s)
    if finding.kind not in GROWING or finding.ended_s is not None or len(times) < LEAST_SAMPLES:
        return finding
    if np.abs(values).max() > HUGE or "counted" in finding.evidence:  # of a counter the rate grows
        return finding
    third = len(values) // 3
    rises = float(np.mean(values[-third:])) > float(np.mean(values[:third]))
    limit = limits[1] if rises else limits[0]
    if not math.isfinite(limit):
        return finding
    limit = named_limit(unit, limit)
    crossing = time_to_limit(times, values, limit)
    now_s, length_s = float(times[-1]), float(times[-1] - times[0])
    if not now_s < crossing.at <= now_s + REACH * length_s:
        return finding
    numbers: dict[str, float | str] = {
        "limit": limit,
        "limit_reached_s": crossing.at,
        "limit_reached_earliest_s": crossing.low,
    }
    if math.isfinite(crossing.high):
        numbers["limit_reached_latest_s"] = crossing.high
    sentence = _sentence(crossing, now_s, quantity(limit, unit), dated=dated)
    return replace(finding, evidence=finding.evidence | numbers, forecast=sentence)


def _sentence(crossing: Crossing, now_s: float, limit: str, *, dated: bool) -> str:
    at, earliest = (_when(time_s, now_s, dated=dated) for time_s in (crossing.at, crossing.low))
    if not math.isfinite(crossing.high):
        return f"If it goes on like this, it reaches {limit} on {at}; not before {earliest}."
    latest = _when(crossing.high, now_s, dated=dated)
    return (
        f"If it goes on like this, it reaches {limit} on {at}; "
        f"four times out of five between {earliest} and {latest}."
    )


def _when(time_s: float, now_s: float, *, dated: bool) -> str:
    if not dated:
        return f"second {time_s:.0f}"
    try:
        return f"{datetime.fromtimestamp(time_s, UTC):%d %B %Y %H:%M}"
    except (OverflowError, OSError, ValueError):
        return f"the moment {lasting(time_s - now_s)} from now"

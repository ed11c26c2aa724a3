"""When does a degrading quantity cross its limit? A time, with an 80 % interval that may be open.

The quantity is taken to go on at a rate like the rates it has shown: over all of its history, over
the newer half, over the newest quarter; and, where peers that came further are known, at the rates
which they showed from that level on. The estimate goes by the (geometric) mean of these rates, the
interval by how much they differ and by how unsteady the quantity's own rate has been (its spread over
quarters of the history, which a longer horizon averages out). A rate that may be zero gives an open end.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from anomaly.errors import SamplesError

Floats = npt.NDArray[np.float64]
Course = tuple[Floats, Floats]

LEAST_SAMPLES: Final = 8
_REACH: Final = (math.inf, 0.5, 0.25)  # time constants of the rates, as shares of the history
_BLOCKS: Final = 4
_SMOOTH: Final = 9  # samples of the median that a peer's course is read through
# Student's quantile at 0.9 for 1, 2, 3 … degrees of freedom; few rates say little of their spread.
_STUDENT: Final = (3.078, 1.886, 1.638, 1.533, 1.476, 1.440, 1.415, 1.397, 1.383, 1.372)


@dataclass(frozen=True, slots=True)
class Crossing:
    """Time of crossing and the ends of the 80 % interval; infinite: not foreseeable, or never."""

    at: float
    low: float
    high: float


def time_to_limit(
    times: Floats, values: Floats, limit: float, *, peers: Sequence[Course] = ()
) -> Crossing:
    """When `values` (n,) at `times` (n,) will cross `limit`; both in order of time, at least 8.

    `peers` are courses (times, values) of like units on the same scale, from their beginning on.
    Already beyond (as smoothed, on the side away from the first values): crossing at the last time.
    Raises SamplesError for arrays that do not fit, are unordered, too short or not finite.
    """
    t, y = _checked(times, values)
    if not math.isfinite(limit):
        raise SamplesError("the limit must be a finite number")
    fits = [_line(t, y, reach) for reach in _REACH]
    level = float(np.mean([end for _, end in fits[1:]]))
    way = 1.0 if limit > float(np.mean(y[:_BLOCKS])) else -1.0
    gap = way * (limit - level)
    now = float(t[-1])
    if gap <= 0.0:
        return Crossing(now, now, now)
    own = [way * rate for rate, _ in fits]
    told = [rate for peer in peers if (rate := _peer_rate(peer, level, gap, way)) is not None]
    rates = [float(np.mean(own)), *told] if told else own
    if min(rates) <= 0.0:
        return _perhaps_never(rates, gap, now)
    wander = _wander(t, y, gap, float(np.mean(rates)))
    factor_low, factor_high = _factors(rates, wander)
    after = gap / float(np.exp(np.mean(np.log(rates))))
    return Crossing(now + after, now + after / factor_low, now + after * factor_high)


def _perhaps_never(rates: list[float], gap: float, now: float) -> Crossing:
    """Some rates lead to the limit and some do not: no end, and no time unless most of them lead."""
    rate, fastest = float(np.median(rates)), max(rates)
    first = now + gap / (2.0 * fastest) if fastest > 0.0 else math.inf
    return Crossing(now + gap / rate if rate > 0.0 else math.inf, first, math.inf)


def _checked(times: Floats, values: Floats) -> Course:
    t, y = np.asarray(times, np.float64), np.asarray(values, np.float64)
    if t.ndim != 1 or t.shape != y.shape:
        raise SamplesError("times and values must be one-dimensional and equally long")
    if len(t) < LEAST_SAMPLES:
        raise SamplesError(f"{len(t)} samples; at least {LEAST_SAMPLES} are needed")
    if not (np.isfinite(t).all() and np.isfinite(y).all()):
        raise SamplesError("times and values must be finite")
    if not (np.diff(t) > 0.0).all():
        raise SamplesError("times must rise")
    return t, y


def _line(t: Floats, y: Floats, reach: float) -> tuple[float, float]:
    """Slope and last value of a weighted least-squares line, newer samples counting more."""
    weight = np.exp((t - t[-1]) / (reach * (t[-1] - t[0])))
    middle = float(np.average(t, weights=weight))
    slope = float((weight * (t - middle) * y).sum() / (weight * (t - middle) ** 2).sum())
    return slope, float(np.average(y, weights=weight)) + slope * float(t[-1] - middle)


def _wander(t: Floats, y: Floats, gap: float, rate: float) -> float:
    """One end of the interval of the mean rate to come, as a share of `rate`.

    From the spread of the rate between quarters of the history: the past's mean is of four of them,
    the future's of as many as the way will take.
    """
    parts = zip(np.array_split(t, _BLOCKS), np.array_split(y, _BLOCKS), strict=True)
    unsteady = float(np.std([_line(at, value, math.inf)[0] for at, value in parts], ddof=1))
    quarters = max(_BLOCKS * gap / (rate * float(t[-1] - t[0])), 0.25)
    return 1.282 * unsteady * math.sqrt(1.0 / _BLOCKS + 1.0 / quarters) / rate


def _factors(rates: list[float], wander: float) -> tuple[float, float]:
    """By how much sooner and later, as factors: rates differ in ratios, so times do."""
    student = _STUDENT[min(len(rates) - 1, len(_STUDENT)) - 1]
    differ = float(np.std(np.log(rates), ddof=1)) * math.sqrt(1.0 + 1.0 / len(rates))
    told = math.exp(min(student * differ, 50.0))
    return max(told, 1.0 + wander), max(told, 1.0 / (1.0 - wander) if wander < 1.0 else math.inf)


def _peer_rate(peer: Course, level: float, gap: float, way: float) -> float | None:
    """How fast the peer went from `level` over as much of the gap as it has been seen to go."""
    t, y = _checked(*peer)
    half = _SMOOTH // 2
    smooth = way * np.array([np.median(y[max(0, i - half) : i + half + 1]) for i in range(len(y))])
    beyond = np.flatnonzero(smooth >= way * level)
    if len(beyond) == 0:
        return None
    start = int(beyond[0])
    done = np.flatnonzero(smooth >= way * level + gap)
    end = int(done[0]) if len(done) else len(y) - 1
    if end <= start or (smooth[end] - smooth[start]) < 0.25 * gap:
        return None
    return float((smooth[end] - smooth[start]) / (t[end] - t[start]))

"""When does a degrading quantity cross its limit? A time, with an 80 % interval that may be open.

The quantity is taken to go on at a rate like the rates it has shown: over all of its history, over
the newer half, over the newest quarter; and, where like units that came further are known, at the rates
that their courses tell, stretched in time to this one's (`anomaly.analogues`). The estimate goes by the
(geometric) mean of these rates, the interval by how much they differ, by how unsteady the quantity's own rate
has been (its spread over quarters of the history, which a longer horizon averages out, and so do other rates
beside it) and by how unsure its level is. Without like units it is taken to bend on as it bent
(`anomaly.bend`): the estimate lies half way, in ratios, between bending on and going on as on the whole, the interval reaches
as far again to both sides, and to where any bend leads that fits. A rate that may be zero gives an open end.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from anomaly.analogues import rate_of_analogue
from anomaly.bend import Bend, bend_of
from anomaly.errors import SamplesError

Floats = npt.NDArray[np.float64]
Course = tuple[Floats, Floats]

LEAST_SAMPLES: Final = 8
_REACH: Final = (math.inf, 0.5, 0.25)  # time constants of the rates, as shares of the history
_BLOCKS: Final = 4
_NOW: Final = 0.1  # the same of the line that tells where it stands: a long one cuts the corner of a bent course
_NOW_SAMPLES: Final = 4.0  # but of no fewer samples
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

    `peers` are courses (times, values) of like units on the same scale; these and `values` from the
    unit's beginning on.
    Already beyond (as smoothed, on the side away from the first values): crossing at the last time.
    Raises SamplesError for arrays that do not fit, are unordered, too short or not finite.
    """
    t, y = _checked(times, values)
    if not math.isfinite(limit):
        raise SamplesError("the limit must be a finite number")
    reach = max(_NOW, _NOW_SAMPLES / len(t))
    _, level = _line(t, y, reach)
    way = 1.0 if limit > float(np.mean(y[:_BLOCKS])) else -1.0
    gap = way * (limit - level)
    now = float(t[-1])
    if gap <= 0.0:
        return Crossing(now, now, now)
    own = [way * _line(t, y, reach)[0] for reach in _REACH]
    told = _told_by(peers, t, way * y, way * level, gap, way)
    rates = [float(np.mean(own)), *told] if told else own
    if min(rates) <= 0.0:
        return _perhaps_never(rates, gap, now)
    unsure = _unsure_level(t, y, reach) / gap
    bend = (
        None
        if told
        else bend_of(t, way * y, gap, gap + way * (level - float(np.mean(y[:_BLOCKS]))))
    )
    if bend is not None:
        return _bent(bend, t, y, gap, float(np.mean(own)), unsure)
    wander = _wander(t, y, gap, float(np.mean(rates))) / math.sqrt(len(rates) if told else 1)
    sooner, later = (1.0 + math.hypot(f - 1.0, unsure) for f in _factors(rates, wander))
    after = gap / float(np.exp(np.mean(np.log(rates))))
    return Crossing(now + after, now + after / sooner, now + after * later)


def _bent(bend: Bend, t: Floats, y: Floats, gap: float, rate: float, unsure: float) -> Crossing:
    """Between going on as it went on the whole and bending on; how far those differ is how unsure it is."""
    now, steady = float(t[-1]), gap / rate
    after = math.sqrt(steady * bend.after)
    wander = _wander(t, y, gap, gap / after)
    differ = max(steady / bend.after, bend.after / steady)
    sooner = 1.0 + math.hypot(max(wander, differ - 1.0), unsure)
    slower = max(1.0 / (1.0 - wander) if wander < 1.0 else math.inf, differ)
    later = 1.0 + math.hypot(slower - 1.0, unsure)
    return Crossing(
        now + after, now + min(after / sooner, bend.soonest), now + max(after * later, bend.latest)
    )


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
    weight = _weights(t, reach)
    middle = float(np.average(t, weights=weight))
    slope = float((weight * (t - middle) * y).sum() / (weight * (t - middle) ** 2).sum())
    return slope, float(np.average(y, weights=weight)) + slope * float(t[-1] - middle)


def _weights(t: Floats, reach: float) -> Floats:
    return np.asarray(np.exp((t - t[-1]) / (reach * (t[-1] - t[0]))))


def _unsure_level(t: Floats, y: Floats, reach: float) -> float:
    """How far the last value of the line may be off in four cases of five, from the steps' noise."""
    weight = _weights(t, reach)
    from_middle = t - float(np.average(t, weights=weight))
    share = weight / weight.sum()
    share = share + from_middle[-1] * weight * from_middle / (weight * from_middle**2).sum()
    steps = np.diff(y)
    noise = float(np.median(np.abs(steps - np.median(steps)))) * 1.4826 / math.sqrt(2.0)
    return 1.282 * noise * float(np.sqrt((share**2).sum()))


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


def _told_by(
    peers: Sequence[Course], t: Floats, values: Floats, level: float, gap: float, way: float
) -> list[float]:
    """The rate by each peer that came far enough; `values` and `level` rise towards the limit."""
    rates = []
    for peer in peers:
        times, course = _checked(*peer)
        rate = rate_of_analogue((times, way * course), t - t[0], values, level, gap)
        if rate is not None:
            rates.append(rate)
    return rates

"""The numbers behind a finding, by its kind: what was read, what was usual, what it is compared to."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from anomaly.finding import Kind

if TYPE_CHECKING:
    from anomaly.state import Table

Evidence = dict[str, float | str]


MOST_BANDS = 1e9
"""More say no more, and of a band of next to nothing it would be infinitely many."""


@dataclass(frozen=True, slots=True)
class Told:
    """One row of the kernel's events; what the numbers mean depends on the code."""

    code: int
    at_s: float
    onset_s: float
    now: float
    usual: float
    low: float
    high: float
    z: float
    slope: float
    extra: float

    @classmethod
    def of(cls, event: Table) -> Told:
        at_s, onset_s, now, usual, low, high, z, slope, extra = (float(x) for x in event[3:12])
        z = min(z, MOST_BANDS)
        return cls(int(event[1]), at_s, onset_s, now, usual, low, high, z, slope, extra)


def _level(told: Told) -> Evidence:
    known: Evidence = {"now": told.now, "usual": told.usual}
    return known | {
        "band_low": told.low,
        "band_high": told.high,
        "compared_to": "its own level during commissioning",
    }


def _deviation(told: Told) -> Evidence:
    known: Evidence = {"away_from_profile": told.now, "band_low": told.low, "band_high": told.high}
    return known | {"compared_to": "its own usual course of the day"}


def _variance(told: Told) -> Evidence:
    known: Evidence = {"step_now": told.now, "step_usual": told.usual}
    return known | {"compared_to": "its own steps during commissioning"}


def _stuck(told: Told) -> Evidence:
    known: Evidence = {"value": told.now, "longest_standstill_before_s": told.extra}
    return known | {"compared_to": "its own longest standstill so far"}


def _out_of_range(told: Told) -> Evidence:
    limits = {"limit_low": told.low, "limit_high": told.high}
    known: Evidence = {"value": told.now}
    known |= {name: limit for name, limit in limits.items() if math.isfinite(limit)}
    return known | {"compared_to": "what the quantity can physically be"}


def _silence(told: Told) -> Evidence:
    known: Evidence = {"silent_for_s": told.now, "usual_interval_s": told.usual}
    return known | {"compared_to": "its own usual interval"}


def _counter_reset(told: Told) -> Evidence:
    known: Evidence = {"value": told.now, "value_before": told.usual, "times": told.extra}
    return known | {
        "usual_per_day": round(told.high, 2),
        "compared_to": "a counter, which only rises",
    }


def _event_rate(told: Told) -> Evidence:
    known: Evidence = {"times": told.now, "within_s": round(told.extra, 3)}
    return known | {
        "most_in_six_hours": float(round(told.usual)),
        "compared_to": "its busiest six hours so far",
    }


def _spike(told: Told) -> Evidence:
    known: Evidence = {"value": told.now, "usual": told.usual}
    return known | {
        "seen_low": told.low,
        "seen_high": told.high,
        "compared_to": "everything it has read so far",
    }


EVIDENCE: Final[dict[Kind, Callable[[Told], Evidence]]] = {
    "level_shift": _level,
    "drift": _level,
    "deviation": _deviation,
    "variance": _variance,
    "stuck": _stuck,
    "out_of_range": _out_of_range,
    "silence": _silence,
    "counter_reset": _counter_reset,
    "event_rate": _event_rate,
    "spike": _spike,
}

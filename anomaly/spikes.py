"""Spikes: values far outside everything ever seen that are back within a few samples."""

from __future__ import annotations

from typing import Final

from anomaly import state as col
from anomaly.events import C_SPIKE, emit
from anomaly.jit import inlined
from anomaly.judge import ENDED, OPENED
from anomaly.jumps import is_smooth
from anomaly.state import Table

SPIKES: Final = 3.0  # so many within the window are no accident
WINDOW_S: Final = 86_400.0
WINDOW_SAMPLES: Final = 200.0
LONGEST: Final = 5.0  # samples; what stays longer (a lamp, a sun beam) is a matter for the level …
LONGEST_S: Final = 300.0  # … and so is what stays so long, unless it is one sample
WATCHED_S: Final = 2 * 86_400.0
WATCHED_SAMPLES: Final = 500.0


@inlined
def is_watched(row: Table, t: float) -> bool:
    """Whether enough was seen to say that a value is far outside of it."""
    if row[col.HOLD] != 0.0:
        return False
    if row[col.LEVEL + col.PHASE] == col.JUDGING:
        return True
    return bool(row[col.SAMPLES] >= WATCHED_SAMPLES and t - row[col.FIRST_T] >= WATCHED_S)


@inlined
def check_spike(row: Table, i: int, t: float, v: float, events: Table, count: int) -> int:
    """Three values within a day or 200 samples, each far outside and soon back."""
    if row[col.DEMAND] != 0.0 or not is_watched(row, t):
        return count
    low, high = row[col.MIN_V], row[col.MAX_V]
    if row[col.LEVEL + col.PHASE] == col.JUDGING:
        low, high = min(low, row[col.LEVEL + col.LOW]), max(high, row[col.LEVEL + col.HIGH])
    reach = (1.0 if is_smooth(row) else 3.0) * (high - low)
    window = max(WINDOW_S, WINDOW_SAMPLES * row[col.INTERVAL])
    if row[col.SPIKE_N] > 0.0 and t - row[col.SPIKE_T] > window:
        row[col.SPIKE_N] = 0.0
        if row[col.SPIKE_OPEN] != 0.0:
            row[col.SPIKE_OPEN] = 0.0
            return emit(
                events, count, i, C_SPIKE, ENDED, t, row[col.SPIKE_T], v, row[col.MEAN], low, high,
                1.0, 0.0, 0.0,
            )  # fmt: skip
    away = max(v - high, low - v)
    if away < reach or reach <= 0.0:
        return come_back(row, i, t, v, low, high, reach, events, count)
    row[col.SPIKE_LENGTH] += 1.0
    if row[col.SPIKE_LENGTH] > longest(row):  # it stays there: part of what is seen from now on
        row[col.MIN_V], row[col.MAX_V] = min(row[col.MIN_V], v), max(row[col.MAX_V], v)
    return count


@inlined
def longest(row: Table) -> float:
    """Samples that a spike may last."""
    return float(max(1.0, min(LONGEST, LONGEST_S / max(row[col.INTERVAL], 1e-9))))


@inlined
def come_back(
    row: Table, i: int, t: float, v: float, low: float, high: float, reach: float, events: Table,
    count: int,
) -> int:  # fmt: skip
    """A value within reach: widens what was seen; what it came back from may have been a spike."""
    row[col.MIN_V], row[col.MAX_V] = min(row[col.MIN_V], v), max(row[col.MAX_V], v)
    length = row[col.SPIKE_LENGTH]
    row[col.SPIKE_LENGTH] = 0.0
    if length == 0.0 or length > longest(row) or row[col.CHANGES] < 0.2 * row[col.SAMPLES]:
        return count
    if row[col.SPIKE_N] == 0.0:
        row[col.SPIKE_T] = row[col.LAST_T]
    row[col.SPIKE_N] += 1.0
    if row[col.SPIKE_N] < SPIKES or row[col.SPIKE_OPEN] != 0.0:
        return count
    row[col.SPIKE_OPEN] = 1.0
    value = row[col.LAST_V]
    away = max(value - high, low - value)
    return emit(
        events, count, i, C_SPIKE, OPENED, t, row[col.SPIKE_T], value, row[col.MEAN], low, high,
        away / reach, 0.0, row[col.SPIKE_N],
    )  # fmt: skip

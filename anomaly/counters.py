"""Counters: readings that only ever rise, until what counts starts anew.

A series of whole numbers that has risen often and never fallen is a counter (bytes, pulses, seconds since
the start); so is one of others that has done so for a day (a meter of kWh or m³). Its height says
nothing; what is judged from then on is how fast it counts, per second. A fall to nearly nothing is a reset:
told, as a hint, unless its own week calls that usual, and as a problem when three come within an hour of
each other. Any other fall says that it was no counter after all.
"""

from __future__ import annotations

import math
from typing import Final

from anomaly import state as col
from anomaly.events import C_RESET, emit
from anomaly.jit import jit
from anomaly.judge import ENDED, OPENED, WORSE
from anomaly.state import Table

UNKNOWN, COUNTS, NO_COUNTER = 0.0, 1.0, -1.0
"""What `state.COUNTER` says."""
LEAST_SAMPLES: Final = 64.0
LEAST_RISES: Final = 32.0
ANEW: Final = 0.1  # a counter that starts anew is below this share of where it was
WRAPS: Final = 2.0**32
WRAPS_NEAR: Final = 0.98 * WRAPS  # from here on a fall may be the end of 32 bits
QUIET_S: Final = 3600.0
TOO_MANY: Final = 3.0
WEEK_S: Final = 7 * 86_400.0
A_DAY_S: Final = 86_400.0
USUAL_PER_DAY: Final = 0.5  # who starts anew so often always does: a meter of the day


@jit
def as_rate(row: Table, t: float, v: float) -> float:
    """What is to be judged of this reading: itself, or counts per second since the one before.

    Sets COUNTER as it learns. Not for the first reading of a series.
    """
    last = row[col.COUNT_LAST]
    row[col.COUNT_LAST] = v
    if row[col.COUNTER] == UNKNOWN:
        if v < last or v < 0.0:
            row[col.COUNTER] = NO_COUNTER
            return v
        row[col.RISES] += 1.0 if v > last else 0.0
        if row[col.SAMPLES] < LEAST_SAMPLES or row[col.RISES] < LEAST_RISES:
            return v
        if t - row[col.FIRST_T] < A_DAY_S and not (v == math.floor(v) and last == math.floor(last)):
            return v  # what follows the day may rise for hours
        row[col.COUNTER] = COUNTS
    grown = v - last
    if grown < 0.0:
        if runs_over(last, v):
            grown += WRAPS
        elif 0.0 <= v <= ANEW * last:
            grown = v
        else:
            row[col.COUNTER] = NO_COUNTER
            return v
    return float(grown / (t - row[col.LAST_T]))


@jit
def runs_over(last: float, v: float) -> bool:
    """Whether a fall to v is the end of 32 bits rather than a beginning anew."""
    return bool(WRAPS_NEAR <= last < WRAPS and v < 0.5 * WRAPS)


@jit
def check_reset(
    row: Table, i: int, t: float, v: float, before: float, events: Table, count: int
) -> int:
    """Tell that the counter started anew (`before` is what it read last), and when that is over."""
    if row[col.RESET_OPEN] != 0.0 and t - row[col.RESET_T] > QUIET_S:
        row[col.RESET_OPEN] = 0.0
        over_t = row[col.RESET_T] + QUIET_S
        count = emit(
            events, count, i, C_RESET, ENDED, over_t, row[col.RESET_FROM_T], v, before, 0.0, 0.0, 1.0, 0.0, 0.0
        )  # fmt: skip
    if v > ANEW * before or v >= before or runs_over(before, v):
        return count
    since = t - row[col.RESET_T]
    if row[col.RESET_RUN] == 0.0 or since > QUIET_S:
        row[col.RESET_SLOW] += row[col.RESET_RUN]
        row[col.RESET_RUN] = 0.0
        row[col.RESET_FROM_T] = t
    if row[col.RESET_RUN] + row[col.RESET_SLOW] > 0.0:
        row[col.RESET_SLOW] *= math.exp(-since / WEEK_S)
    days = max(min(t - row[col.FIRST_T], WEEK_S), 86_400.0) / 86_400.0
    usual_per_day = row[col.RESET_SLOW] / days
    row[col.RESET_T] = t
    row[col.RESET_RUN] += 1.0
    times = row[col.RESET_RUN]
    least = 1.0 if usual_per_day < USUAL_PER_DAY else max(TOO_MANY, 0.25 * usual_per_day)
    if row[col.HOLD] != 0.0 or times < least:
        return count
    said = OPENED
    if row[col.RESET_OPEN] != 0.0:
        doublings = math.log2(times / TOO_MANY)
        if doublings < 0.0 or doublings != math.floor(doublings):
            return count
        said = WORSE
    row[col.RESET_OPEN] = 1.0
    return emit(
        events, count, i, C_RESET, said, t, row[col.RESET_FROM_T], v, before, 0.0, usual_per_day,
        times, 0.0, times,
    )  # fmt: skip

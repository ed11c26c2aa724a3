"""What one sample's value goes through: the level judge, the noise judge, the time-of-day profile."""

from __future__ import annotations

import math
from typing import Final

from anomaly import params as par
from anomaly import state as col
from anomaly.daylong import note_hour
from anomaly.event_rate import stands_still
from anomaly.events import C_LEVEL, C_NOISE, C_PROFILE, emit
from anomaly.excursion import slope
from anomaly.jit import inlined
from anomaly.judge import ENDED, NOTHING, WORSE, learn, smooth, start_judge, weigh
from anomaly.params import Params
from anomaly.state import Table

DAY_S: Final = 86400.0
GAP_INTERVALS: Final = 3.0


@inlined
def judge_value(
    row: Table, i: int, t: float, v: float, params: Params, events: Table, count: int
) -> int:
    """Feed the three judges."""
    interval = row[col.INTERVAL]
    if interval <= 0.0:
        return count
    dt = t - row[col.LAST_T]
    ready = is_known(row, t, params)
    count = feed(row, col.LEVEL, C_LEVEL, i, v, t, dt, ready, params, events, count)
    if ready:
        row[col.KNOWN] = 1.0
    quiet = row[col.LEVEL + col.UP] == 0.0
    size = abs(v - row[col.LAST_V])
    row[col.STEP] += (size - row[col.STEP]) / min(row[col.SAMPLES], 1024.0)
    noise = min(size, 6.0 * row[col.STEP])
    if row[col.SAMPLES] > 16.0:
        count = feed(row, col.NOISE_JUDGE, C_NOISE, i, noise, t, dt, ready, params, events, count)
    if dt > GAP_INTERVALS * interval:
        noise = 0.0  # a step over a gap is no step
    count = note_hour(row, i, t, v, noise, params, events, count)
    return judge_profile(row, i, t, v, dt, quiet, params, events, count)


@inlined
def is_known(row: Table, t: float, params: Params) -> bool:
    """Whether enough was seen to trust a band: at length once, briefly after a restart."""
    if row[col.HOLD] != 0.0 or row[col.SAMPLES] < params[par.SETTLE_N]:
        return False
    if row[col.KNOWN] != 0.0:
        return True
    span = t - row[col.FIRST_T]
    if row[col.DEMAND] != 0.0:
        return bool(span >= params[par.DEMAND_S])
    return bool(row[col.SAMPLES] >= params[par.COMMISSION_N] or span >= params[par.COMMISSION_S])


@inlined
def judge_profile(
    row: Table, i: int, t: float, v: float, dt: float, quiet: bool, params: Params,
    events: Table, count: int,
) -> int:  # fmt: skip
    """Learn the time of day first, then judge what is left after taking it away."""
    place = (t / DAY_S - math.floor(t / DAY_S)) * col.PROFILE_BINS
    if row[col.PROFILE_READY] == 0.0:
        if quiet:
            k = min(int(place), col.PROFILE_BINS - 1)
            counted = col.BIN_COUNTS + col.JUDGES * k
            row[counted] += 1.0
            row[col.BINS + k] += (v - row[col.BINS + k]) / row[counted]
        if t - row[col.FIRST_T] >= params[par.PROFILE_S]:
            for k in range(col.PROFILE_BINS):
                if row[col.BIN_COUNTS + col.JUDGES * k] == 0.0:
                    return count
            row[col.PROFILE_READY] = 1.0  # from here on the judge has the place of the counts
            start_judge(row, col.PROFILE, t, v - expected(row, place), row[col.INTERVAL])
        return count
    rest = v - expected(row, place)
    ready = row[col.HOLD] == 0.0 and t - row[col.PROFILE + col.START_T] >= DAY_S
    return feed(row, col.PROFILE, C_PROFILE, i, rest, t, dt, ready, params, events, count)


@inlined
def expected(row: Table, place: float) -> float:
    """The profile at this place of the day, straight lines between the middles of its bins."""
    shifted = place - 0.5
    k = math.floor(shifted)
    share = shifted - k
    last = col.PROFILE_BINS - 1
    left = row[col.BINS + (int(k) if k >= 0.0 else last)]
    right = row[col.BINS + (int(k) + 1 if k < last else 0)]
    return float(left + share * (right - left))


@inlined
def feed(
    row: Table, b: int, code: float, i: int, x: float, t: float, dt: float, ready: bool,
    params: Params, events: Table, count: int,
) -> int:  # fmt: skip
    """Give one judge its next value and write down what it says."""
    interval = row[col.INTERVAL]
    row[b + col.N] += 1.0
    if row[b + col.N] == 1.0:
        start_judge(row, b, t, x, interval)
        row[b + col.N] = 1.0
    away = smooth(row, b, x, dt)
    if row[b + col.PHASE] != col.JUDGING:
        learn(row, b, x, away, t, interval, ready, params)
        return count
    if stands_still(row):
        return count
    said = weigh(row, b, t, dt, interval, params)
    if said != NOTHING:
        # What is worse than told is told as it is now, not as it was on the whole.
        mean = row[b + col.DEV_SUM] / max(row[b + col.DEV_N], 1.0)
        now = row[b + col.SLOW] if said == WORSE else mean
        at = row[b + col.LAST_OUT_T] if said == ENDED else t
        count = emit(
            events, count, i, code, said, at, row[b + col.ONSET], now, row[b + col.USUAL], row[b + col.LOW],
            row[b + col.HIGH], row[b + col.WORST], slope(row, b), t - row[b + col.ONSET],
        )  # fmt: skip
    return count

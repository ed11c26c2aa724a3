"""Checks that need no band: physical range, stuck sensor, spikes, a metric missing among others."""

# ruff: noqa: PLR0917 - compiled functions take their state by position

from __future__ import annotations

from anomaly.events import C_MISSING, C_RANGE, C_SPIKE, C_STUCK, emit
from anomaly.jit import jit
from anomaly.judge import ENDED, OPENED
from anomaly.params import COMMISSION_N, COMMISSION_S, SILENCE_N, SILENCE_S, Params
from anomaly.state import (
    CHANGES,
    D_CHECK_T,
    D_HEAD,
    D_LAST_T,
    D_RESUME_T,
    FIRST_T,
    HIGH,
    INTERVAL,
    JUDGING,
    LAST_T,
    LAST_V,
    LEVEL,
    LIMIT_HIGH,
    LIMIT_LOW,
    LOW,
    MAX_GAP,
    MAX_RUN_N,
    MAX_RUN_S,
    MAX_V,
    MEAN,
    MIN_V,
    MISSING_OPEN,
    MISSING_T,
    NEXT,
    OUT_N,
    OUT_T,
    OUT_WORST,
    PHASE,
    RANGE_OPEN,
    RUN_N,
    RUN_T,
    SAMPLES,
    SPIKE_N,
    SPIKE_OPEN,
    SPIKE_T,
    STUCK_OPEN,
    Table,
)  # fmt: skip

RANGE_SAMPLES = 3.0  # so many in a row are no glitch
STUCK_SHARE = 0.1  # a stuck value must last this share of what has been seen, at most two hours
STUCK_LIMIT_S = 7200.0
SPIKES = 3.0


@jit
def check_range(row: Table, i: int, t: float, v: float, events: Table, count: int) -> int:
    """Three readings in a row that the quantity cannot physically have."""
    if row[LIMIT_LOW] <= v <= row[LIMIT_HIGH]:
        row[OUT_N] = 0.0
        if row[RANGE_OPEN] != 0.0:
            row[RANGE_OPEN] = 0.0
            return emit(
                events, count, i, C_RANGE, ENDED, t, row[OUT_T], row[OUT_WORST], v, row[LIMIT_LOW],
                row[LIMIT_HIGH], 1, 0, 0,
            )  # fmt: skip
        return count
    if row[OUT_N] == 0.0:
        row[OUT_T] = t if row[RANGE_OPEN] == 0.0 else row[OUT_T]
        row[OUT_WORST] = v
    row[OUT_N] += 1.0
    if (v > row[LIMIT_HIGH] and v > row[OUT_WORST]) or (v < row[LIMIT_LOW] and v < row[OUT_WORST]):
        row[OUT_WORST] = v
    if row[OUT_N] >= RANGE_SAMPLES and row[RANGE_OPEN] == 0.0:
        row[RANGE_OPEN] = 1.0
        return emit(
            events, count, i, C_RANGE, OPENED, t, row[OUT_T], v, row[MEAN], row[LIMIT_LOW],
            row[LIMIT_HIGH], 1, 0, row[OUT_N],
        )  # fmt: skip
    return count


@jit
def check_run(
    row: Table, i: int, t: float, v: float, params: Params, events: Table, count: int
) -> int:
    """The same value for far longer than ever before, on a series that usually moves."""
    if row[SAMPLES] < 2.0 or v != row[LAST_V]:
        if row[SAMPLES] >= 2.0:
            row[CHANGES] += 1.0
            if row[STUCK_OPEN] == 0.0:
                row[MAX_RUN_N] = max(row[MAX_RUN_N], row[RUN_N])
                row[MAX_RUN_S] = max(row[MAX_RUN_S], row[LAST_T] - row[RUN_T])
        opened = row[STUCK_OPEN] != 0.0
        onset, length = row[RUN_T], row[RUN_N]
        row[STUCK_OPEN] = 0.0
        row[RUN_T] = t
        row[RUN_N] = 1.0
        if opened:
            return emit(
                events, count, i, C_STUCK, ENDED, t, onset, row[LAST_V], v, 0, 0, 1, 0, length
            )
        return count
    row[RUN_N] += 1.0
    if row[STUCK_OPEN] != 0.0:
        return count
    n = row[SAMPLES]
    before = n - row[RUN_N]
    seen = row[RUN_T] - row[FIRST_T]
    if before < params[COMMISSION_N] or seen < params[COMMISSION_S] * 0.5:
        return count
    moves = row[CHANGES] >= 0.2 * before
    lasting = t - row[RUN_T] >= max(4.0 * row[MAX_RUN_S], min(STUCK_SHARE * seen, STUCK_LIMIT_S))
    if moves and lasting and row[RUN_N] >= 4.0 * row[MAX_RUN_N] + 20.0:
        row[STUCK_OPEN] = 1.0
        return emit(
            events, count, i, C_STUCK, OPENED, t, row[RUN_T], v, row[MEAN], 0, 0,
            row[RUN_N] / (row[MAX_RUN_N] + 1.0), 0, row[MAX_RUN_S],
        )  # fmt: skip
    return count


@jit
def check_spike(
    row: Table, i: int, t: float, v: float, params: Params, events: Table, count: int
) -> int:
    """Three values within an hour or 200 samples, each far outside everything ever seen."""
    if row[LEVEL + PHASE] != JUDGING:
        return count
    low = min(row[MIN_V], row[LEVEL + LOW])
    high = max(row[MAX_V], row[LEVEL + HIGH])
    reach = 3.0 * (high - low)
    window = max(3600.0, 200.0 * row[INTERVAL])
    if row[SPIKE_N] > 0.0 and t - row[SPIKE_T] > window:
        row[SPIKE_N] = 0.0
        if row[SPIKE_OPEN] != 0.0:
            row[SPIKE_OPEN] = 0.0
            return emit(
                events, count, i, C_SPIKE, ENDED, t, row[SPIKE_T], v, row[MEAN], low, high, 1, 0, 0
            )
    away = max(v - high, low - v)
    if reach <= 0.0 or away < reach or row[CHANGES] < 0.2 * row[SAMPLES]:
        return count
    previous = max(row[LAST_V] - high, low - row[LAST_V])
    if previous >= reach:
        return count  # still the same excursion: a matter for the level, not a spike
    if row[SPIKE_N] == 0.0:
        row[SPIKE_T] = t
    row[SPIKE_N] += 1.0
    if row[SPIKE_N] >= SPIKES and row[SPIKE_OPEN] == 0.0:
        row[SPIKE_OPEN] = 1.0
        return emit(
            events, count, i, C_SPIKE, OPENED, t, row[SPIKE_T], v, row[MEAN], low, high,
            away / reach, 0, row[SPIKE_N],
        )  # fmt: skip
    return count


@jit
def check_missing(
    rows: Table, device: Table, present: int, params: Params, events: Table, count: int
) -> int:
    """A metric that stopped while others of its device go on; judged by sample time alone."""
    row = rows[present]
    if row[MISSING_OPEN] != 0.0:
        row[MISSING_OPEN] = 0.0
        count = emit(
            events,
            count,
            present,
            C_MISSING,
            ENDED,
            row[LAST_T],
            row[MISSING_T],
            0,
            0,
            0,
            0,
            1,
            0,
            0,
        )
    now = device[D_LAST_T]
    device[D_CHECK_T] = now
    k = int(device[D_HEAD])
    while k >= 0:
        other = rows[k]
        limit = max(params[SILENCE_S], params[SILENCE_N] * other[INTERVAL], 3.0 * other[MAX_GAP])
        known = other[SAMPLES] >= 16.0 and other[MISSING_OPEN] == 0.0
        siblings_go_on = row[SAMPLES] >= 16.0 and now - row[FIRST_T] > limit
        # After a gap of the whole device each metric gets its time to come back.
        late = now - max(other[LAST_T], device[D_RESUME_T]) > limit
        if known and late and siblings_go_on and count + 1 < events.shape[0]:
            other[MISSING_OPEN] = 1.0
            other[MISSING_T] = other[LAST_T]
            count = emit(
                events, count, k, C_MISSING, OPENED, now, other[LAST_T], now - other[LAST_T],
                other[INTERVAL], 0, 0, 1, 0, limit,
            )  # fmt: skip
        k = int(other[NEXT])
    return count

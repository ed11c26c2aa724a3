"""Checks that need no band: physical range, stuck sensor, a metric missing among others."""

from __future__ import annotations

from anomaly import params as par
from anomaly import state as col
from anomaly.events import C_MISSING, C_RANGE, C_STUCK, emit
from anomaly.jit import inlined, jit
from anomaly.judge import ENDED, OPENED
from anomaly.params import Params
from anomaly.state import Table

RANGE_QUIET_S = 21_600.0  # a loose wire comes and goes: one problem until it rests so long
RANGE_SAMPLES = 3.0  # so many in a row are no glitch
STUCK_SHARE = 0.1  # a stuck value must last this share of what has been seen, at most two hours
STUCK_LIMIT_S = 7200.0


@inlined
def check_range(row: Table, i: int, t: float, v: float, events: Table, count: int) -> int:
    """Three readings in a row that the quantity cannot physically have."""
    if row[col.LIMIT_LOW] <= v <= row[col.LIMIT_HIGH]:
        row[col.OUT_N] = 0.0
        quiet_s = max(RANGE_QUIET_S, 20.0 * row[col.INTERVAL])
        if row[col.RANGE_OPEN] != 0.0 and t - row[col.OUT_LAST_T] > quiet_s:
            row[col.RANGE_OPEN] = 0.0
            return emit(
                events, count, i, C_RANGE, ENDED, row[col.OUT_LAST_T], row[col.OUT_T],
                row[col.OUT_WORST], v, row[col.LIMIT_LOW], row[col.LIMIT_HIGH], 1.0, 0.0, 0.0,
            )  # fmt: skip
        return count
    if row[col.OUT_N] == 0.0 and row[col.RANGE_OPEN] == 0.0:
        row[col.OUT_T] = t
        row[col.OUT_WORST] = v
    row[col.OUT_LAST_T] = t
    row[col.OUT_N] += 1.0
    if (v > row[col.LIMIT_HIGH] and v > row[col.OUT_WORST]) or (
        v < row[col.LIMIT_LOW] and v < row[col.OUT_WORST]
    ):
        row[col.OUT_WORST] = v
    if row[col.OUT_N] >= RANGE_SAMPLES and row[col.RANGE_OPEN] == 0.0:
        row[col.RANGE_OPEN] = 1.0
        return emit(
            events, count, i, C_RANGE, OPENED, t, row[col.OUT_T], v, row[col.MEAN], row[col.LIMIT_LOW],
            row[col.LIMIT_HIGH], 1.0, 0.0, row[col.OUT_N],
        )  # fmt: skip
    return count


@inlined
def check_run(
    row: Table, i: int, t: float, v: float, params: Params, events: Table, count: int
) -> int:
    """The same value for far longer than ever before, on a series that usually moves."""
    if row[col.SAMPLES] < 2.0 or v != row[col.LAST_V]:
        if row[col.SAMPLES] >= 2.0:
            row[col.CHANGES] += 1.0
            if row[col.STUCK_OPEN] == 0.0:
                row[col.MAX_RUN_N] = max(row[col.MAX_RUN_N], row[col.RUN_N])
                row[col.MAX_RUN_S] = max(row[col.MAX_RUN_S], row[col.LAST_T] - row[col.RUN_T])
        opened = row[col.STUCK_OPEN] != 0.0
        onset, length = row[col.RUN_T], row[col.RUN_N]
        row[col.STUCK_OPEN] = 0.0
        row[col.RUN_T] = t
        row[col.RUN_N] = 1.0
        if opened:
            return emit(
                events,
                count,
                i,
                C_STUCK,
                ENDED,
                t,
                onset,
                row[col.LAST_V],
                v,
                0.0,
                0.0,
                1.0,
                0.0,
                length,
            )
        return count
    row[col.RUN_N] += 1.0
    if row[col.STUCK_OPEN] != 0.0:
        return count
    n = row[col.SAMPLES]
    before = n - row[col.RUN_N]
    seen = row[col.RUN_T] - row[col.FIRST_T]
    if before < params[par.SETTLE_N] or row[col.HOLD] != 0.0:
        return count
    if before < params[par.COMMISSION_N] and seen < params[par.COMMISSION_S]:
        return count
    moves = row[col.CHANGES] >= 0.2 * before
    lasting = t - row[col.RUN_T] >= max(
        4.0 * row[col.MAX_RUN_S], min(STUCK_SHARE * seen, STUCK_LIMIT_S)
    )
    if moves and lasting and row[col.RUN_N] >= 4.0 * row[col.MAX_RUN_N] + 20.0:
        row[col.STUCK_OPEN] = 1.0
        return emit(
            events, count, i, C_STUCK, OPENED, t, row[col.RUN_T], v, row[col.MEAN], 0.0, 0.0,
            row[col.RUN_N] / (row[col.MAX_RUN_N] + 1.0), 0.0, row[col.MAX_RUN_S],
        )  # fmt: skip
    return count


@jit
def check_missing(
    rows: Table, device: Table, present: int, params: Params, events: Table, count: int
) -> int:
    """A metric that stopped while others of its device go on; judged by sample time alone."""
    row = rows[present]
    if row[col.MISSING_OPEN] != 0.0:
        row[col.MISSING_OPEN] = 0.0
        count = emit(
            events,
            count,
            present,
            C_MISSING,
            ENDED,
            row[col.LAST_T],
            row[col.MISSING_T],
            0.0,
            0.0,
            0.0,
            0.0,
            1.0,
            0.0,
            0.0,
        )
    now = device[col.D_LAST_T]
    device[col.D_CHECK_T] = now
    k = int(device[col.D_HEAD])
    while k >= 0:
        other = rows[k]
        limit = max(
            params[par.SILENCE_S],
            params[par.SILENCE_N] * other[col.INTERVAL],
            3.0 * other[col.MAX_GAP],
        )
        known = other[col.SAMPLES] >= 16.0 and other[col.MISSING_OPEN] == 0.0
        siblings_go_on = row[col.SAMPLES] >= 16.0 and now - row[col.FIRST_T] > limit
        # After a gap of the whole device each metric gets its time to come back.
        late = now - max(other[col.LAST_T], device[col.D_RESUME_T]) > limit
        if known and late and siblings_go_on and count + 1 < events.shape[0]:
            other[col.MISSING_OPEN] = 1.0
            other[col.MISSING_T] = other[col.LAST_T]
            count = emit(
                events, count, k, C_MISSING, OPENED, now, other[col.LAST_T], now - other[col.LAST_T],
                other[col.INTERVAL], 0.0, 0.0, 1.0, 0.0, limit,
            )  # fmt: skip
        k = int(other[col.NEXT])
    return count

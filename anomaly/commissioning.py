"""Telling the engine what it would else find out by itself: when a series is known healthy."""

from __future__ import annotations

import math

from anomaly import state as col
from anomaly.params import Params
from anomaly.state import Table

_LEAST = 16  # samples without which even a declared baseline says nothing


def hold(row: Table) -> None:
    """Known healthy from here on: learn, judge nothing, until released."""
    row[col.HOLD] = 1.0


def release(row: Table, params: Params) -> None:
    """The known healthy time is over: trust what was learned and judge from here on."""
    from anomaly.judge import trust_band  # noqa: PLC0415 - imports the compiler

    if row[col.HOLD] == 0.0:
        return
    row[col.HOLD] = 0.0
    row[col.KNOWN] = 1.0
    for base in (col.LEVEL, col.NOISE_JUDGE):
        judge = row[base : base + col.JUDGE_WIDTH]
        low = min(judge[col.PREV_LOW], judge[col.CUR_LOW])
        high = max(judge[col.PREV_HIGH], judge[col.CUR_HIGH])
        if judge[col.N] < _LEAST or not math.isfinite(low) or judge[col.PHASE] == col.JUDGING:
            continue
        span_s = float(row[col.LAST_T] - judge[col.START_T])
        trust_band(row, base, low, high, span_s, params)

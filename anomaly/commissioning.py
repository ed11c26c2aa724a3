"""Telling the engine what it can't see: that a series is known healthy, how cautious to be with it."""

from __future__ import annotations

import math

from anomaly import state as col
from anomaly.errors import SettingsError
from anomaly.params import Params
from anomaly.state import Table
from anomaly.tuning import CAUTION_RANGE

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


def set_caution(device: Table, rows: Table, members: list[int], factor: float) -> None:
    """Bands and the time a deviation must last are `factor` times the settings' from here on."""
    low, high = CAUTION_RANGE
    if not low <= factor <= high:
        raise SettingsError(f"caution must be {low:g}..{high:g}, got {factor!r}")
    device[col.D_CAUTION] = factor
    for member in members:
        row = rows[member]
        change = factor / row[col.CAUTION]
        row[col.CAUTION] = factor
        for base in (col.LEVEL, col.PROFILE, col.NOISE_JUDGE):
            row[base + col.ALLOW] *= change  # proportional to caution; 0 before there is a band

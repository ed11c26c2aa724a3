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
        judge = row[base:]
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
            if row[base + col.PHASE] == col.JUDGING:
                row[base + col.ALLOW] *= change  # proportional to caution


_RUN_LIMIT_S = 7200.0  # a healthy run up to this long vouches for the levels of the run after it …
_RUN_VOUCHES = 4.0  # … for so many times its own length
_RUN_NEEDED = 0.01  # share of its length that levels must be away


def vouch(device: Table, rows: list[Table]) -> None:
    """Freeze the levels of a short declared healthy run, for the run that follows it.

    A longer one has seen how the device lives, and the judges of each metric take over; nobody can
    say of a short one how levels wander by the day, so it vouches for no more than a few times itself.
    """
    known = [row for row in rows if row[col.SAMPLES_ALL] >= _LEAST]
    if not known:
        return
    end_s = max(float(row[col.LAST_T]) for row in known)
    span_s = end_s - min(float(row[col.FIRST_T]) for row in known)
    if not 0.0 < span_s <= _RUN_LIMIT_S:
        return
    for row in known:
        spread = math.sqrt(row[col.SPREAD_SQUARE])
        row[col.RUN_CENTRE] = row[col.CENTRE]
        row[col.RUN_SCALE] = math.sqrt(row[col.RUN_SQUARE]) + 0.05 * spread
    device[col.D_RUN_END] = end_s + _RUN_VOUCHES * span_s
    device[col.D_RUN_NEEDED] = _RUN_NEEDED * span_s
    device[col.D_RUN_SINCE] = end_s

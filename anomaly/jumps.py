"""A step that a smooth series cannot take: temperatures and humidities do not jump, sensors do.

A series is smooth when its largest step from sample to sample is a small part of the range that it
moves in. Once it was watched for two days, a step of three and a half times the largest ever that is not taken back
within the hour is a shift, long before the slow averages have moved. Lamps, loads and counters have
steps as large as their range and are never judged so.
"""

from __future__ import annotations

from typing import Final

from anomaly import state as col
from anomaly.events import C_JUMP, emit
from anomaly.jit import inlined, jit
from anomaly.judge import ENDED, OPENED
from anomaly.state import Table

WATCHED_S: Final = 2 * 86_400.0
WATCHED_SAMPLES: Final = 2_000.0
SMOOTH: Final = 0.35  # largest step of a smooth series, as a share of its range
TIMES: Final = 3.5  # times the largest step ever
STAYS_S: Final = 3600.0
STAYS_SAMPLES: Final = 12.0
LEARNED_S: Final = 2 * 86_400.0  # a shift that stays so long is left to the slow averages


@inlined
def is_smooth(row: Table) -> bool:
    spread = row[col.VALUE_HIGH] - row[col.VALUE_LOW]
    return bool(0.0 < row[col.MAX_STEP] <= SMOOTH * spread)


@inlined
def check_jump(row: Table, i: int, t: float, v: float, events: Table, count: int) -> int:
    """Note steps; tell a jump that stays, and when it has gone back."""
    if row[col.SAMPLES] < 2.0:
        return count
    if row[col.JUMP_SIZE] != 0.0:
        return follow_jump(row, i, t, v, events, count)
    if t - row[col.LAST_T] > 3.0 * row[col.INTERVAL]:
        return count
    step = v - row[col.LAST_V]
    watched = row[col.SAMPLES] >= WATCHED_SAMPLES and t - row[col.FIRST_T] >= WATCHED_S
    judged = watched and row[col.HOLD] == 0.0 and is_smooth(row)
    if judged and abs(step) > TIMES * row[col.MAX_STEP]:
        row[col.JUMP_SIZE] = step
        row[col.JUMP_FROM] = row[col.LAST_V]
        row[col.JUMP_T] = t
    else:
        row[col.MAX_STEP] = max(row[col.MAX_STEP], abs(step))
    return count


@jit
def follow_jump(row: Table, i: int, t: float, v: float, events: Table, count: int) -> int:
    left = (v - row[col.JUMP_FROM]) / row[col.JUMP_SIZE]  # share of the jump that is left
    lasted = t - row[col.JUMP_T]
    if row[col.JUMP_OPEN] == 0.0:
        if left < 0.5:
            row[col.JUMP_SIZE] = 0.0
        elif lasted >= max(STAYS_S, STAYS_SAMPLES * row[col.INTERVAL]):
            row[col.JUMP_OPEN] = 1.0
            return emit(
                events, count, i, C_JUMP, OPENED, t, row[col.JUMP_T], v, row[col.JUMP_FROM],
                row[col.VALUE_LOW], row[col.VALUE_HIGH],
                abs(row[col.JUMP_SIZE]) / (TIMES * row[col.MAX_STEP]), 0.0, 0.0,
            )  # fmt: skip
        return count
    if left >= 0.25 and lasted < LEARNED_S:
        return count
    row[col.JUMP_OPEN] = 0.0
    row[col.JUMP_SIZE] = 0.0
    return emit(
        events, count, i, C_JUMP, ENDED, t, row[col.JUMP_T], v, row[col.JUMP_FROM], 0.0, 0.0,
        1.0, 0.0, 0.0,
    )  # fmt: skip

"""How often something happens: changes of a reading that mostly stands still or has two states.

A door, a relay, a count of errors: its level means nothing, but how often it changes does. Changes are counted
in blocks of six hours. Once a week of them is known, a block with three times the most that ever happened in
one, and six more, is told at that change; it is over with the first block that is as busy as any before.
"""

from __future__ import annotations

import math
from typing import Final

from anomaly import state as col
from anomaly.events import C_EVENTS, emit
from anomaly.jit import jit
from anomaly.judge import ENDED, OPENED
from anomaly.state import Table

BLOCK_S: Final = 6 * 3600.0
LEARNED_BLOCKS: Final = 28.0
TIMES: Final = 3.0
MORE: Final = 6.0
GROWTH: Final = 1.25  # by which the most may grow with a block, once it is known
SPARSE: Final = 0.02  # share of readings that differ from the one before


@jit
def note_events(row: Table, i: int, t: float, changed: bool, events: Table, count: int) -> int:
    """Count a change; tell when there are far too many of them, and when that is over."""
    block = math.floor(t / BLOCK_S)
    if block != row[col.EV_BLOCK]:
        count = end_block(row, i, events, count)
        row[col.EV_BLOCK] = block
        row[col.EV_N] = 0.0
    if not changed:
        return count
    row[col.EV_N] += 1.0
    if row[col.EV_N] == 1.0:
        row[col.EV_FROM_T] = t
    too_many = row[col.EV_N] > TIMES * row[col.EV_MOST] + MORE
    if not too_many or row[col.EV_OPEN] != 0.0 or row[col.HOLD] != 0.0:
        return count
    if row[col.EV_BLOCKS] < LEARNED_BLOCKS or not is_sparse(row):
        return count
    row[col.EV_OPEN] = 1.0
    return emit(
        events, count, i, C_EVENTS, OPENED, t, row[col.EV_FROM_T], row[col.EV_N], row[col.EV_MOST], 0.0,
        row[col.EV_MOST], row[col.EV_N] / max(row[col.EV_MOST], 1.0), 0.0, t - row[col.EV_FROM_T],
    )  # fmt: skip


@jit
def end_block(row: Table, i: int, events: Table, count: int) -> int:
    """The block that was going on is over: learn from it, or end what was told."""
    if row[col.EV_BLOCK] == 0.0:
        return count
    if row[col.EV_OPEN] == 0.0:
        most = row[col.EV_MOST]
        believed = row[col.EV_N]
        if row[col.EV_BLOCKS] >= LEARNED_BLOCKS:
            # A rush that began late in its block must not make the next one usual.
            believed = min(believed, GROWTH * most + 1.0)
        row[col.EV_MOST] = max(most, believed)
        row[col.EV_BLOCKS] += 1.0
        return count
    if row[col.EV_N] > row[col.EV_MOST] + 1.0:
        return count
    row[col.EV_OPEN] = 0.0
    end_t = row[col.EV_BLOCK] * BLOCK_S
    return emit(
        events, count, i, C_EVENTS, ENDED, end_t, end_t, row[col.EV_N], row[col.EV_MOST], 0.0, 0.0, 1.0, 0.0, 0.0
    )  # fmt: skip


@jit
def is_sparse(row: Table) -> bool:
    """Whether it stands still mostly, or has never been anything but one of two neighbours."""
    two_states = row[col.VALUE_HIGH] - row[col.VALUE_LOW] <= 1.0 and row[col.LAST_V] == math.floor(
        row[col.LAST_V]
    )
    return bool(two_states or stands_still(row))


@jit
def stands_still(row: Table) -> bool:
    """All but constant: a door, a set point, the size of a disk."""
    return bool(row[col.CHANGES] < SPARSE * row[col.SAMPLES])

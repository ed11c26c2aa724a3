"""How often something happens: changes of a reading that mostly stands still or has two states.

A door, a relay, a count of errors: its level means nothing, but how often it changes does. Changes are counted
in blocks of six hours. A block with three times the most that ever happened in one, and six more, is told at that
change; it is over with the first block that is as busy as any before. A week of blocks shows what is usual; after
two days, in which something must have happened, seven times as much of both is asked, and down to twice as much as the
week fills: what people do on some days says little of what they will do on the others.
"""

from __future__ import annotations

import math
from typing import Final

from anomaly import state as col
from anomaly.events import C_EVENTS, emit
from anomaly.jit import inlined, jit
from anomaly.judge import ENDED, OPENED
from anomaly.state import Table

BLOCK_S: Final = 6 * 3600.0
LEARNED_BLOCKS: Final = 28.0
FEWEST_BLOCKS: Final = 8.0
BEFORE_A_WEEK: Final = 2.0
LEAST_MOST: Final = 4.0  # of a block, to judge by less than a week: a quiet weekend is no Monday
TIMES: Final = 3.0
MORE: Final = 6.0
GROWTH: Final = 0.25  # share by which the most may grow with a block, once it is known
SPARSE: Final = 0.02  # share of readings that differ from the one before


@inlined
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
    if (
        row[col.EV_OPEN] != 0.0
        or row[col.HOLD] != 0.0
        or not is_too_many(row)
        or not is_sparse(row)
    ):
        return count
    row[col.EV_OPEN] = 1.0
    return emit(
        events, count, i, C_EVENTS, OPENED, t, row[col.EV_FROM_T], row[col.EV_N], row[col.EV_MOST], 0.0,
        row[col.EV_MOST], row[col.EV_N] / max(row[col.EV_MOST], 1.0), 0.0, t - row[col.EV_FROM_T],
    )  # fmt: skip


@jit
def is_judged(row: Table) -> bool:
    """Whether enough is known: a week, or two days in which something happened."""
    blocks = row[col.EV_BLOCKS]
    return bool(
        blocks >= LEARNED_BLOCKS or (blocks >= FEWEST_BLOCKS and row[col.EV_MOST] >= LEAST_MOST)
    )


@jit
def doubt(row: Table) -> float:
    """How many times farther than after a week it must be: the less is known, the farther."""
    blocks = row[col.EV_BLOCKS]
    return float(
        1.0 if blocks >= LEARNED_BLOCKS else BEFORE_A_WEEK * LEARNED_BLOCKS / max(blocks, 1.0)
    )


@jit
def is_too_many(row: Table) -> bool:
    """Whether this block has far more of them than any before."""
    return is_judged(row) and row[col.EV_N] > doubt(row) * (TIMES * row[col.EV_MOST] + MORE)


@jit
def end_block(row: Table, i: int, events: Table, count: int) -> int:
    """The block that was going on is over: learn from it, or end what was told."""
    if row[col.EV_BLOCK] == 0.0:
        return count
    if row[col.EV_OPEN] == 0.0:
        most = row[col.EV_MOST]
        believed = row[col.EV_N]
        if is_judged(row):
            # A rush that began late in its block must not make the next one usual.
            believed = min(believed, (1.0 + GROWTH * doubt(row)) * most + 1.0)
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


@inlined
def stands_still(row: Table) -> bool:
    """All but constant: a door, a set point, the size of a disk."""
    return bool(row[col.CHANGES] < SPARSE * row[col.SAMPLES])

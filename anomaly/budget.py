"""The alarm of a device as a whole, and the budget of false alarms that it keeps.

Time is cut into blocks of an hour, and the largest commotion of each block is kept in a histogram:
what the device does when nothing is wrong. If hours are exchangeable, the chance that the coming one
exceeds the r-th largest of the H before it is r / (H + 1), whatever the distribution (a conformal
p-value). A budget of B episodes a day allows r = B (H + 1) / 24. Where r is below one the history is
too short to promise the budget, and nothing is said.

Some of the hours learned from may not have been healthy, and then the r-th largest is a fault. The
limit is therefore the geometric mean of it and of the exponential tail through the median and the
ninth decile, which bad hours do not move, times a factor; but never less than the geometric mean of
what 17 r of the hours exceeded and of twice the median: where ranks are high because many hours were
bad the usual hour says so, and where hours hardly differ the ranks do. Every alarm raises the limit
for some days (the spending side of alpha-investing): a device that has changed its ways uses up its
budget and falls silent instead of crying on. Hours in alarm are not learned from. On stationary
series, light- or heavy-tailed, this keeps within 2.5 times the budget (tested); with the plain r-th
largest it keeps the budget, and finds a quarter of the events.
"""

from __future__ import annotations

import math
from typing import Final

from anomaly import params as par
from anomaly import state as col
from anomaly.commotion import SMOOTHED, take_row
from anomaly.events import C_MOTION, C_RUN, E_NOW, emit
from anomaly.jit import jit
from anomaly.judge import ENDED, OPENED
from anomaly.params import Params
from anomaly.state import Table

BLOCK_S: Final = 3600.0
FACTOR: Final = 0.5
JUMPY: Final = 0.08  # what is smoothed over fewer rows jumps further
DOUBT: Final = 17.0  # what so many times the allowed hours exceeded, …
TIMES: Final = 2.0  # … and so many usual hours: the limit is not below the mean of the two
SPENT: Final = 0.2  # share by which each alarm raises the limit …
SPENT_FOR_S: Final = 2 * 86400.0  # … and how long that takes to fade to a third
ALARM_S: Final = 3600.0  # the longest alarm; after it the device is taken as it is
LOWEST: Final = 0.3  # commotion at the lower edge of the histogram
STEP: Final = 0.115  # width of its bins in the logarithm
RUN_LIMIT: Final = 3.0  # distance from the healthy run's levels, in their own usual size
RUN_REST: Final = 0.9
SHOWN: Final = 5  # metrics named in a finding


@jit
def end_row(
    rows: Table, device: Table, params: Params, events: Table, count: int
) -> int:  # fmt: skip
    """End the device's row, if one was begun, and judge it; returns the count of events."""
    if device[col.D_ROW_N] == 0.0:
        return count
    t = device[col.D_ROW_T]
    take_row(device)
    if rows[int(device[col.D_HEAD]), col.NEXT] < 0.0:
        return count  # a single metric is judged by itself
    motion = math.sqrt(device[col.D_MOTION])
    block = math.floor(t / BLOCK_S)
    if block != device[col.D_BLOCK]:
        if device[col.D_BLOCK_MAX] > 0.0:
            learn_block(device, device[col.D_BLOCK_MAX])
            device[col.D_LIMIT] = limit_of(device, params)
        device[col.D_BLOCK] = block
        device[col.D_BLOCK_MAX] = 0.0
    held = rows[int(device[col.D_HEAD]), col.HOLD] != 0.0
    count = judge_motion(rows, device, t, motion, held, events, count)
    if device[col.D_ALARM] == 0.0:
        device[col.D_BLOCK_MAX] = max(device[col.D_BLOCK_MAX], motion)
    return judge_run(rows, device, t, events, count)


@jit
def learn_block(device: Table, largest: float) -> None:
    place = math.log(max(largest, 1e-9) / LOWEST) / STEP
    k = int(min(max(place, 0.0), col.HISTOGRAM_BINS - 1.0))
    device[col.D_HISTOGRAM + k] += 1.0
    device[col.D_BLOCKS] += 1.0


@jit
def exceeded_by(device: Table, wanted: float) -> float:
    """The commotion that so many of the blocks exceeded, by straight lines within a bin."""
    above = 0.0
    for j in range(col.HISTOGRAM_BINS):
        k = col.HISTOGRAM_BINS - 1 - j
        here = device[col.D_HISTOGRAM + k]
        if above + here >= wanted and here > 0.0:
            share = (wanted - above) / here
            return float(LOWEST * math.exp(STEP * (k + 1.0 - share)))
        above += here
    return LOWEST


@jit
def limit_of(device: Table, params: Params) -> float:
    """The commotion that is worth an alarm; infinite while the budget cannot be promised."""
    blocks = device[col.D_BLOCKS]
    allowed = params[par.BUDGET] * BLOCK_S / 86400.0
    rank = allowed * (blocks + 1.0)
    if rank < 1.0:
        return math.inf
    ranked = exceeded_by(device, rank)
    usual, high = exceeded_by(device, 0.5 * blocks), exceeded_by(device, 0.1 * blocks)
    tail = usual + (high - usual) * math.log(0.5 / min(allowed, 0.5)) / math.log(5.0)
    fewer = 1.0 / max(SMOOTHED * device[col.D_NEWS], 1.0)
    limit = FACTOR * fewer**-JUMPY * math.sqrt(ranked * max(tail, usual))
    doubted = exceeded_by(device, DOUBT * fewer * rank)
    return float(max(limit, math.sqrt(doubted * TIMES * usual)))


@jit
def judge_motion(
    rows: Table, device: Table, t: float, motion: float, held: bool, events: Table, count: int
) -> int:  # fmt: skip
    since = t - device[col.D_ALARM_T]
    spent = 0.0
    if device[col.D_TOLD] > 0.0:
        spent = device[col.D_TOLD] * math.exp(-(t - device[col.D_TOLD_T]) / SPENT_FOR_S)
    limit = device[col.D_LIMIT] * device[col.D_CAUTION] * (1.0 + SPENT * spent)
    if device[col.D_ALARM] != 0.0:
        if motion >= limit and since <= ALARM_S:
            return count
        device[col.D_ALARM] = 0.0
        return tell(rows, device, C_MOTION, ENDED, t, device[col.D_ALARM_T], 1.0, events, count)
    if held or motion <= limit or since <= ALARM_S:
        return count
    device[col.D_ALARM] = 1.0
    device[col.D_ALARM_T] = t
    device[col.D_TOLD] = spent + 1.0
    device[col.D_TOLD_T] = t
    return tell(rows, device, C_MOTION, OPENED, t, t, motion / limit, events, count)


@jit
def judge_run(rows: Table, device: Table, t: float, events: Table, count: int) -> int:
    """The distance from a short declared healthy run, for as long as such a run vouches."""
    level = device[col.D_LEVEL]
    on = device[col.D_RUN_ALARM] != 0.0
    if on and (level < RUN_REST * RUN_LIMIT or t > device[col.D_RUN_END]):
        device[col.D_RUN_ALARM] = 0.0
        since = device[col.D_RUN_SINCE]
        return tell(rows, device, C_RUN, ENDED, t, since, 1.0, events, count)
    if on or t > device[col.D_RUN_END]:
        return count
    if level < RUN_LIMIT:
        device[col.D_RUN_SINCE] = t
    elif t - device[col.D_RUN_SINCE] >= device[col.D_RUN_NEEDED]:
        device[col.D_RUN_ALARM] = 1.0
        since = device[col.D_RUN_SINCE]
        return tell(rows, device, C_RUN, OPENED, t, since, level / RUN_LIMIT, events, count)
    return count


@jit
def tell(
    rows: Table, device: Table, code: float, what: float, t: float, onset: float, z: float,
    events: Table, count: int,
) -> int:  # fmt: skip
    """An event of the device, with the metrics that took most part in it."""
    head = int(device[col.D_HEAD])
    emit(events, count, head, code, what, t, onset, -1.0, -1.0, -1.0, -1.0, z, -1.0, 0.0)
    by = col.MOTION if code == C_MOTION else col.RUN_SHARE
    total = 0.0
    k = head
    while k >= 0:
        total += rows[k, by]
        k = int(rows[k, col.NEXT])
    bound = math.inf
    for place in range(SHOWN):
        best, size = -1.0, 0.02 * total
        k = head
        while k >= 0:
            if size < rows[k, by] < bound:
                best, size = float(k), rows[k, by]
            k = int(rows[k, col.NEXT])
        # Places E_NOW, E_USUAL, E_LOW, E_HIGH, and behind E_Z one more.
        events[count, E_NOW + place if place < SHOWN - 1 else E_NOW + SHOWN] = best
        bound = size
        if best < 0.0:
            break
    return count + 1


@jit
def device_score(device: Table) -> float:
    """How anomalous the device is as a whole, 0..1."""
    motion = math.sqrt(device[col.D_MOTION])
    score = motion / (motion + 4.0)
    if device[col.D_ROW_T] <= device[col.D_RUN_END]:
        level = device[col.D_LEVEL]
        score = max(score, level / (level + RUN_LIMIT))
    return float(score)

"""What only whole days show: how low a series comes, how high it gets, how calm its calmest hours are.

Most series go up and down with the day and with people, and a slow or weak fault drowns in that. But
the lowest hour of every day is much the same (an empty room, an idle machine), and so are the highest
and the calmest. The means of hours and of the steps within them are kept six hours at a time; their
extremes over the last 24 to 30 hours are compared to the range these extremes had in the first days.

The margin grows with the root of the age: what merely wanders gets no further than that, a drift does.
Nothing is learned after the first days, so a fault that comes slowly enough for everything else is told
when it has left them. Days with holes are passed over.
"""

from __future__ import annotations

import math
from typing import Final

from anomaly import params as par
from anomaly import state as col
from anomaly.events import C_CALM, C_DAY, emit
from anomaly.jit import inlined, jit
from anomaly.judge import ENDED, OPENED
from anomaly.params import Params
from anomaly.spending import bar
from anomaly.state import Table

HOUR_S: Final = 3600.0
HOURS: Final = 6.0
FIRST_S: Final = 4 * 86_400.0  # the days compared to …
FIRST_DEMAND_S: Final = 8 * 86_400.0  # … with a weekend where people set the pace
FIRST_HOURS: Final = 24.0  # so many extremes at least
CALM_AFTER_S: Final = 2 * 86_400.0
DAY_MARGIN: Final = 1.6  # in widths of the first days' range, times caution
CALM_MARGIN: Final = 0.6  # of the calmest hours' steps, times caution …
CALM_PACE_S: Final = (
    60.0  # … for so many seconds between samples; the mean of fewer steps is less sure
)
LEAST_WIDTH: Final = 0.05  # of the span between the lowest and the highest hour
LASTS: Final = 3.0  # hours in a row
REST: Final = 0.5  # a finding ends within this share of the margin


@jit
def start_days(row: Table, t: float) -> None:
    """Forget all days and begin with this hour."""
    row[col.H_BLOCK] = math.floor(t * (1.0 / HOUR_S))
    row[col.H_SIX] = math.floor(row[col.H_BLOCK] / HOURS)
    row[col.H_N], row[col.H_SUM], row[col.H_STEPS] = 0.0, 0.0, 0.0
    for k in range(col.SIXES):
        row[col.H_LOW + k] = math.inf
        row[col.H_HIGH + k] = -math.inf
    for k in range(col.CALM_SIXES):
        row[col.H_CALM + k] = math.inf
    row[col.FIRST_LOW_MIN], row[col.FIRST_LOW_MAX] = math.inf, -math.inf
    row[col.FIRST_HIGH_MIN], row[col.FIRST_HIGH_MAX] = math.inf, -math.inf
    row[col.FIRST_CALM], row[col.FIRST_INTERVAL], row[col.FIRST_N] = 0.0, 0.0, 0.0
    row[col.UP_T], row[col.DOWN_T], row[col.CALM_T] = t, t, t
    row[col.DAY_RUN], row[col.DAY_OPEN], row[col.CALM_RUN], row[col.CALM_OPEN] = 0.0, 0.0, 0.0, 0.0


@inlined
def note_hour(
    row: Table, i: int, t: float, v: float, step: float, params: Params, events: Table, count: int
) -> int:
    """Add one sample to its hour; judge the hour before when a new one begins."""
    block = math.floor(t * (1.0 / HOUR_S))
    if block != row[col.H_BLOCK]:
        if row[col.H_N] > 0.0:
            count = end_hour(row, i, t, params, events, count)
        shift(row, math.floor(block / HOURS))
        row[col.H_BLOCK] = block
        row[col.H_N], row[col.H_SUM], row[col.H_STEPS] = 0.0, 0.0, 0.0
    row[col.H_N] += 1.0
    row[col.H_SUM] += v
    row[col.H_STEPS] += step
    return count


@jit
def shift(row: Table, six: float) -> None:
    """Begin with other six hours: the old ones move on by as many as have passed."""
    passed = six - row[col.H_SIX]
    row[col.H_SIX] = six
    for _ in range(int(min(max(passed, 0.0), col.SIXES))):
        for k in range(col.SIXES - 1, 0, -1):
            row[col.H_LOW + k] = row[col.H_LOW + k - 1]
            row[col.H_HIGH + k] = row[col.H_HIGH + k - 1]
        for k in range(col.CALM_SIXES - 1, 0, -1):
            row[col.H_CALM + k] = row[col.H_CALM + k - 1]
        row[col.H_LOW], row[col.H_HIGH], row[col.H_CALM] = math.inf, -math.inf, math.inf


@jit
def end_hour(row: Table, i: int, t: float, params: Params, events: Table, count: int) -> int:
    """Take the hour's means into its six hours; judge the extremes where no six hours are missing."""
    mean, steps = row[col.H_SUM] / row[col.H_N], row[col.H_STEPS] / row[col.H_N]
    row[col.H_LOW] = min(row[col.H_LOW], mean)
    row[col.H_HIGH] = max(row[col.H_HIGH], mean)
    row[col.H_CALM] = min(row[col.H_CALM], steps)
    low, high, calm, whole, calm_whole = math.inf, -math.inf, math.inf, True, True
    for k in range(col.SIXES):
        low, high = min(low, row[col.H_LOW + k]), max(high, row[col.H_HIGH + k])
        whole = whole and row[col.H_LOW + k] < math.inf
    for k in range(col.CALM_SIXES):
        calm = min(calm, row[col.H_CALM + k])
        calm_whole = calm_whole and row[col.H_CALM + k] < math.inf
    first_s = FIRST_S if row[col.DEMAND] == 0.0 else FIRST_DEMAND_S
    age = t - row[col.FIRST_T]
    end_t = (row[col.H_BLOCK] + 1.0) * HOUR_S
    near = LEAST_WIDTH * (row[col.FIRST_HIGH_MAX] - row[col.FIRST_LOW_MIN])
    if mean <= row[col.FIRST_LOW_MAX] + near:
        row[col.UP_T] = end_t
    if mean >= row[col.FIRST_HIGH_MIN] - near:
        row[col.DOWN_T] = end_t
    if steps <= row[col.FIRST_CALM]:
        row[col.CALM_T] = end_t
    learns = age < first_s or row[col.HOLD] != 0.0
    moves = row[col.CHANGES] >= 0.02 * row[col.SAMPLES]
    growth = math.sqrt(max(1.0, age / first_s))
    if calm_whole:
        judged = moves and row[col.HOLD] == 0.0 and age >= CALM_AFTER_S
        count = judge_calm(row, i, t, calm, learns, judged, growth, params, events, count)
    if not whole:
        return count
    if learns:
        row[col.FIRST_LOW_MIN] = min(row[col.FIRST_LOW_MIN], low)
        row[col.FIRST_LOW_MAX] = max(row[col.FIRST_LOW_MAX], low)
        row[col.FIRST_HIGH_MIN] = min(row[col.FIRST_HIGH_MIN], high)
        row[col.FIRST_HIGH_MAX] = max(row[col.FIRST_HIGH_MAX], high)
        row[col.FIRST_N] += 1.0
        row[col.UP_T], row[col.DOWN_T] = end_t, end_t
        return count
    if not moves or row[col.FIRST_N] < FIRST_HOURS:
        return count
    return judge_day(row, i, t, low, high, growth, params, events, count)


@jit
def judge_day(
    row: Table, i: int, t: float, low: float, high: float, growth: float, params: Params,
    events: Table, count: int,
) -> int:  # fmt: skip
    """Whether the day's lowest hour is higher, or its highest lower, than in the first days."""
    span = row[col.FIRST_HIGH_MAX] - row[col.FIRST_LOW_MIN]
    if span <= 0.0:
        return count
    margin = DAY_MARGIN * params[par.CAUTION] * row[col.CAUTION] * growth
    if row[col.DAY_OPEN] == 0.0:
        margin *= bar(row, params)
    low_width = max(row[col.FIRST_LOW_MAX] - row[col.FIRST_LOW_MIN], LEAST_WIDTH * span)
    high_width = max(row[col.FIRST_HIGH_MAX] - row[col.FIRST_HIGH_MIN], LEAST_WIDTH * span)
    up = (low - row[col.FIRST_LOW_MAX]) / (margin * low_width)
    down = (row[col.FIRST_HIGH_MIN] - high) / (margin * high_width)
    found = max(up, down)
    row[col.DAY_RUN] = row[col.DAY_RUN] + 1.0 if found > 1.0 else 0.0
    onset = row[col.UP_T] if up > down else row[col.DOWN_T]
    first_low, first_high = row[col.FIRST_HIGH_MIN], row[col.FIRST_HIGH_MAX]
    now = high
    if up > down:
        first_low, first_high, now = row[col.FIRST_LOW_MIN], row[col.FIRST_LOW_MAX], low
    usual = 0.5 * (first_low + first_high)
    if row[col.DAY_OPEN] != 0.0:
        if found >= REST:
            return count
        row[col.DAY_OPEN] = 0.0
        return emit(
            events,
            count,
            i,
            C_DAY,
            ENDED,
            t,
            onset,
            now,
            usual,
            first_low,
            first_high,
            1.0,
            0.0,
            0.0,
        )
    known = row[col.LEVEL + col.OPEN] + row[col.PROFILE + col.OPEN] + row[col.JUMP_OPEN]
    if row[col.DAY_RUN] < LASTS or known != 0.0:
        return count
    row[col.DAY_OPEN] = 1.0
    return emit(
        events, count, i, C_DAY, OPENED, t, onset, now, usual, first_low, first_high, found,
        (now - usual) / max(t - onset, HOUR_S), 0.0,
    )  # fmt: skip


@jit
def judge_calm(
    row: Table, i: int, t: float, calm: float, learns: bool, judged: bool, growth: float,
    params: Params, events: Table, count: int,
) -> int:  # fmt: skip
    """Whether even the calmest of the last twelve to eighteen hours is noisier than ever."""
    usual = row[col.FIRST_CALM]
    margin = CALM_MARGIN * math.sqrt(growth * max(1.0, row[col.INTERVAL] * (1.0 / CALM_PACE_S)))
    limit = usual * (1.0 + margin * params[par.CAUTION] * row[col.CAUTION])
    # Steps between samples taken at another pace are not those of the first days.
    like = 0.67 < row[col.INTERVAL] / max(row[col.FIRST_INTERVAL], 1e-9) < 1.5
    noisy = judged and like and usual > 0.0 and calm > limit
    row[col.CALM_RUN] = row[col.CALM_RUN] + 1.0 if noisy else 0.0
    if learns and not noisy and row[col.CALM_OPEN] == 0.0:
        row[col.FIRST_CALM] = max(usual, calm)
        row[col.FIRST_INTERVAL] = row[col.INTERVAL]
    if row[col.CALM_OPEN] != 0.0:
        if calm > usual + REST * (limit - usual):
            return count
        row[col.CALM_OPEN] = 0.0
        return emit(
            events,
            count,
            i,
            C_CALM,
            ENDED,
            t,
            row[col.CALM_T],
            calm,
            usual,
            0.0,
            limit,
            1.0,
            0.0,
            0.0,
        )
    if row[col.CALM_RUN] < LASTS or row[col.NOISE_JUDGE + col.OPEN] != 0.0:
        return count
    row[col.CALM_OPEN] = 1.0
    z = calm / limit
    return emit(
        events, count, i, C_CALM, OPENED, t, row[col.CALM_T], calm, usual, 0.0, limit, z, 0.0, 0.0
    )

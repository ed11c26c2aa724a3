"""One judge: learns the usual band of a smoothed quantity, then weighs how long it stays outside.

Theory of operation. The quantity is smoothed over two time constants. While LEARNING and
VALIDATING the judge notes the band that the slow one moves in; each epoch is as long as all that
came before, and once an epoch no longer widens the band by more than `GROWTH` the judge trusts it:
the past half could have foreseen its next half. A wandering or heavy-tailed series thereby gets a
wide band or a long apprenticeship, without any assumption on its distribution. While JUDGING,
time outside the band adds to the evidence, time inside takes it away, and only evidence that lasts
a fair part of the learned span becomes a finding. An excursion that came back by itself is part of
normal life and widens the band; what became a finding never does.
"""

# ruff: noqa: PLR0917 - compiled functions take their state by position

from __future__ import annotations

import math

from anomaly.jit import jit
from anomaly.params import (
    CAUTION,
    COMMISSION_N,
    EXPERIENCED_S,
    MARGIN,
    PERSIST_EXPERIENCED_S,
    PERSIST_LIMIT_S,
    PERSIST_SHARE,
    RATE_LIMIT,
    Params,
)  # fmt: skip
from anomaly.state import (
    ALLOW,
    BACK_T,
    COUNT,
    CUR_HIGH,
    CUR_LOW,
    DEV_N,
    DEV_SUM,
    DEV_T,
    DEV_TT,
    DEV_TX,
    EPOCH_END_N,
    EPOCH_T,
    EPOCHS,
    EXCESS,
    FAST,
    HIGH,
    IN_T,
    JUDGE_WIDTH,
    JUDGING,
    LEARNED,
    LEARNING,
    LOW,
    NOISE,
    ONSET,
    OPEN,
    PHASE,
    PREV_HIGH,
    PREV_LOW,
    SHARE,
    SLOW,
    SPAN,
    START_T,
    SUM,
    TAU_FAST,
    TAU_SLOW,
    TOLD,
    UP,
    USUAL,
    VALIDATING,
    WORST,
    N,
    Table,
    Z,
)  # fmt: skip

NOTHING = 0
OPENED = 1
WORSE = 2
ENDED = 3

GROWTH = 0.25  # share of its width by which a trusted band may still grow in an epoch


@jit
def start_judge(row: Table, b: int, t: float, x: float, interval: float) -> None:
    """Forget everything and begin with this value."""
    for column in range(b, b + JUDGE_WIDTH):
        row[column] = 0.0
    row[b + START_T] = t
    row[b + EPOCH_T] = t
    row[b + FAST] = x
    row[b + SLOW] = x
    row[b + IN_T] = t
    row[b + TAU_FAST] = 4.0 * interval
    row[b + TAU_SLOW] = 4.0 * interval
    row[b + CUR_LOW] = math.inf
    row[b + CUR_HIGH] = -math.inf
    row[b + PREV_LOW] = math.inf
    row[b + PREV_HIGH] = -math.inf


@jit
def smooth(row: Table, b: int, x: float, dt: float) -> float:
    """Move both averages; a single wild value moves them no further than eight times the noise."""
    noise = row[b + NOISE]
    away = x - row[b + SLOW]
    if row[b + PHASE] == JUDGING:
        reach = 8.0 * noise + 4.0 * row[b + ALLOW]
        if away > reach:
            away = reach
        elif away < -reach:
            away = -reach
    kept = row[b + SLOW] + away
    row[b + SLOW] += away * min(0.25, 1.0 - math.exp(-dt / row[b + TAU_SLOW]))
    row[b + FAST] += (kept - row[b + FAST]) * min(0.5, 1.0 - math.exp(-dt / row[b + TAU_FAST]))
    return float(abs(away))


@jit
def learn(
    row: Table, b: int, x: float, away: float, t: float, interval: float, min_span: float,
    params: Params,
) -> None:  # fmt: skip
    """Widen the epoch's band; at its end decide whether the band is to be trusted."""
    n = row[b + N]
    row[b + NOISE] += (away - row[b + NOISE]) / min(n, 4096.0)
    row[b + SUM] += x
    row[b + COUNT] += 1.0
    span = t - row[b + START_T]
    if row[b + PHASE] == LEARNING:
        row[b + TAU_FAST] = 4.0 * interval
        row[b + TAU_SLOW] = max(4.0 * interval, span / 16.0)
    row[b + IN_T] = t
    if t - row[b + EPOCH_T] > 2.0 * row[b + TAU_SLOW] or row[b + EPOCHS] > 0.0:
        slow = row[b + SLOW]
        row[b + CUR_LOW] = min(row[b + CUR_LOW], slow)
        row[b + CUR_HIGH] = max(row[b + CUR_HIGH], slow)
    end = max(params[COMMISSION_N] / 2.0, row[b + EPOCH_END_N])
    if n < end or span < min_span * 0.5 or span < 2.0 * (row[b + EPOCH_T] - row[b + START_T]):
        return
    end_epoch(row, b, t, span, min_span, params)


@jit
def end_epoch(row: Table, b: int, t: float, span: float, min_span: float, params: Params) -> None:
    low, high = row[b + CUR_LOW], row[b + CUR_HIGH]
    trusted = False
    if row[b + EPOCHS] > 0.0:
        width = row[b + PREV_HIGH] - row[b + PREV_LOW]
        room = GROWTH * width + 0.5 * row[b + NOISE] * math.sqrt(
            row[b + TAU_FAST] / row[b + TAU_SLOW]
        )
        trusted = low >= row[b + PREV_LOW] - room and high <= row[b + PREV_HIGH] + room
    if trusted and row[b + N] >= params[COMMISSION_N] and span >= min_span:
        row[b + LOW] = min(low, row[b + PREV_LOW])
        row[b + HIGH] = max(high, row[b + PREV_HIGH])
        row[b + USUAL] = row[b + SUM] / row[b + COUNT]
        row[b + SPAN] = span
        row[b + PHASE] = JUDGING
        set_allowance(row, b, params)
        return
    if row[b + EPOCHS] > 1.0:  # the first epoch may have held the start-up, later ones all count
        low, high = min(low, row[b + PREV_LOW]), max(high, row[b + PREV_HIGH])
    row[b + PREV_LOW], row[b + PREV_HIGH] = low, high
    row[b + CUR_LOW], row[b + CUR_HIGH] = math.inf, -math.inf
    row[b + PHASE] = VALIDATING
    row[b + EPOCHS] += 1.0
    row[b + EPOCH_T] = t
    row[b + EPOCH_END_N] = 2.0 * row[b + N]
    row[b + TAU_SLOW] = max(row[b + TAU_FAST], span / 16.0)
    row[b + SUM] = 0.0
    row[b + COUNT] = 0.0


@jit
def set_allowance(row: Table, b: int, params: Params) -> None:
    """How far beyond the band the slow average may stray without being noticed."""
    half = 0.5 * (row[b + HIGH] - row[b + LOW])
    grain = row[b + NOISE] * math.sqrt(row[b + TAU_FAST] / row[b + TAU_SLOW])
    row[b + ALLOW] = params[CAUTION] * (params[MARGIN] * half + 0.25 * grain)


@jit
def needed_s(row: Table, b: int, t: float, interval: float, params: Params) -> float:
    """Seconds that a deviation must last: a share of the learned span, less with experience."""
    longest = params[PERSIST_LIMIT_S]
    if t - row[b + START_T] >= params[EXPERIENCED_S]:
        longest = params[PERSIST_EXPERIENCED_S]
    wanted = min(longest, params[PERSIST_SHARE] * row[b + SPAN]) * params[CAUTION]
    return float(max(wanted, 8.0 * interval))


@jit
def weigh(row: Table, b: int, t: float, dt: float, interval: float, params: Params) -> int:
    """Add this sample to the evidence; tells whether a finding opened, got worse or ended."""
    allow = row[b + ALLOW]
    if allow <= 0.0:
        return NOTHING
    top = row[b + HIGH] + allow
    bottom = row[b + LOW] - allow
    slow, fast = row[b + SLOW], row[b + FAST]
    experienced = t - row[b + START_T] >= params[EXPERIENCED_S]
    needed = needed_s(row, b, t, interval, params)
    step = min(dt, 5.0 * interval)
    if bottom <= fast <= top:
        row[b + IN_T] = t
    beyond = max(slow - top, bottom - slow)
    inside = beyond <= 0.0
    unit = allow + 0.5 * (row[b + HIGH] - row[b + LOW])
    row[b + Z] = max(slow - row[b + HIGH], row[b + LOW] - slow, 0.0) / unit
    evidence = row[b + UP]
    if inside:
        return fade(row, b, t, step, params)
    side = 1.0 if slow > top else -1.0
    if evidence * side < 0.0:
        evidence = 0.0
    if evidence == 0.0:
        begin_excursion(row, b, t)
    rate = 1.0
    if experienced:
        rate = min(1.0 + beyond / unit, params[RATE_LIMIT])
    evidence = side * min(abs(evidence) + step * rate, 2.0 * needed)
    row[b + UP] = evidence
    row[b + BACK_T] = 0.0
    note_deviation(row, b, t, fast)
    row[b + EXCESS] = max(row[b + EXCESS], beyond)
    row[b + SHARE] = min(abs(evidence) / needed, 1.0)
    row[b + WORST] = max(row[b + WORST], row[b + Z])
    if row[b + OPEN] == 0.0:
        if abs(evidence) >= needed:
            row[b + OPEN] = side
            row[b + TOLD] = row[b + Z]
            return OPENED
        return NOTHING
    if row[b + Z] >= 2.0 * row[b + TOLD] + 0.5:
        row[b + TOLD] = row[b + Z]
        return WORSE
    return NOTHING


@jit
def begin_excursion(row: Table, b: int, t: float) -> None:
    row[b + ONSET] = row[b + IN_T]
    row[b + DEV_N] = 0.0
    row[b + DEV_SUM] = 0.0
    row[b + DEV_T] = 0.0
    row[b + DEV_TX] = 0.0
    row[b + DEV_TT] = 0.0
    row[b + EXCESS] = 0.0
    row[b + WORST] = 0.0


@jit
def note_deviation(row: Table, b: int, t: float, x: float) -> None:
    """Sums for the mean and the slope of the quantity since the onset."""
    since = t - row[b + ONSET]
    row[b + DEV_N] += 1.0
    row[b + DEV_SUM] += x
    row[b + DEV_T] += since
    row[b + DEV_TX] += since * x
    row[b + DEV_TT] += since * since


@jit
def fade(row: Table, b: int, t: float, step: float, params: Params) -> int:
    """Time inside the band: evidence goes; a finding ends, an excursion becomes part of normal."""
    evidence = row[b + UP]
    if evidence == 0.0:
        return NOTHING
    if row[b + BACK_T] == 0.0:
        row[b + BACK_T] = t
    left = abs(evidence) - step
    row[b + SHARE] = 0.0
    if left > 0.0:
        row[b + UP] = left if evidence > 0.0 else -left
        return NOTHING
    row[b + UP] = 0.0
    if row[b + OPEN] != 0.0:
        row[b + OPEN] = 0.0
        return ENDED
    wider = row[b + EXCESS]
    if t - row[b + START_T] > params[EXPERIENCED_S]:
        # Later on only a little, or a slow drift would be learned peak by peak.
        wider = min(wider, row[b + ALLOW] - row[b + LEARNED])
        row[b + LEARNED] += max(wider, 0.0)
    if wider <= 0.0:
        return NOTHING
    if evidence > 0.0:
        row[b + HIGH] += wider
    else:
        row[b + LOW] -= wider
    set_allowance(row, b, params)
    return NOTHING


@jit
def slope(row: Table, b: int) -> float:
    """Growth of the quantity per second since the onset, by least squares."""
    n = row[b + DEV_N]
    spread = row[b + DEV_TT] - row[b + DEV_T] * row[b + DEV_T] / max(n, 1.0)
    if n < 4.0 or spread <= 0.0:
        return 0.0
    return float((row[b + DEV_TX] - row[b + DEV_T] * row[b + DEV_SUM] / n) / spread)

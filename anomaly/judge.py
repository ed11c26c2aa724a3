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

from __future__ import annotations

import math

from anomaly import params as par
from anomaly import state as col
from anomaly.excursion import begin_excursion, note_deviation
from anomaly.jit import inlined, jit
from anomaly.params import Params
from anomaly.spending import bar, room
from anomaly.state import Table

NOTHING = 0.0
OPENED = 1.0
WORSE = 2.0
ENDED = 3.0

GROWTH = 0.15  # share of its width by which a trusted band may still grow in an epoch
EPOCH_FACTOR = 1.5  # each epoch ends when so many times as much has been seen
STREAK_NEEDED = 2.0  # epochs in a row that must not widen the band
REST_SHARE = 0.5  # a finding ends after this share of its length inside the band …
REST_LIMIT_S = 26 * 3600.0  # … or a day and a bit: a fault that shows by day is one fault
FIRST_EPOCH = 0.35  # share of the settling samples that make the first epoch


@jit
def start_judge(row: Table, b: int, t: float, x: float, interval: float) -> None:
    """Forget everything and begin with this value."""
    for column in range(b, b + col.JUDGE_WIDTH, col.JUDGES):
        row[column] = 0.0
    row[b + col.START_T] = t
    row[b + col.EPOCH_T] = t
    row[b + col.FAST] = x
    row[b + col.SLOW] = x
    row[b + col.IN_T] = t
    row[b + col.TAU_FAST] = 4.0 * interval
    row[b + col.TAU_SLOW] = 4.0 * interval
    row[b + col.CUR_LOW] = math.inf
    row[b + col.CUR_HIGH] = -math.inf
    row[b + col.PREV_LOW] = math.inf
    row[b + col.PREV_HIGH] = -math.inf


@inlined
def smooth(row: Table, b: int, x: float, dt: float) -> float:
    """Move both averages; a single wild value moves them no further than eight times the noise."""
    noise = row[b + col.NOISE]
    away = x - row[b + col.SLOW]
    if row[b + col.PHASE] == col.JUDGING:
        reach = 8.0 * noise + 4.0 * row[b + col.ALLOW]
        if away > reach:
            away = reach
        elif away < -reach:
            away = -reach
    kept = row[b + col.SLOW] + away
    row[b + col.SLOW] += away * min(0.25, share_of(dt, row[b + col.TAU_SLOW]))
    row[b + col.FAST] += (kept - row[b + col.FAST]) * min(0.5, share_of(dt, row[b + col.TAU_FAST]))
    return float(abs(away))


@inlined
def share_of(dt: float, tau: float) -> float:
    """1 - exp(-dt / tau), exact to six digits while dt is below tau, and 0.6 beyond.

    A quotient of polynomials (Padé), since three exponentials a sample take longer than all else.
    """
    if dt >= tau:
        return 0.6
    x = dt / tau
    even, odd = 1.0 + 0.1 * x * x, x * (0.5 + x * x * (1.0 / 120.0))
    return float(2.0 * odd / (even + odd))


@inlined
def learn(
    row: Table, b: int, x: float, away: float, t: float, interval: float, ready: bool,
    params: Params,
) -> None:  # fmt: skip
    """Widen the epoch's band; at its end decide whether the band is to be trusted."""
    n = row[b + col.N]
    row[b + col.NOISE] += (away - row[b + col.NOISE]) / min(n, 4096.0)
    row[b + col.SUM] += x
    row[b + col.COUNT] += 1.0
    span = t - row[b + col.START_T]
    if row[b + col.PHASE] == col.LEARNING:
        row[b + col.TAU_FAST] = 4.0 * interval
        row[b + col.TAU_SLOW] = max(4.0 * interval, span / 16.0)
    row[b + col.IN_T] = t
    if t - row[b + col.EPOCH_T] > 2.0 * row[b + col.TAU_SLOW] or row[b + col.EPOCHS] > 0.0:
        slow = row[b + col.SLOW]
        row[b + col.CUR_LOW] = min(row[b + col.CUR_LOW], slow)
        row[b + col.CUR_HIGH] = max(row[b + col.CUR_HIGH], slow)
    end = max(FIRST_EPOCH * params[par.SETTLE_N], row[b + col.EPOCH_END_N])
    if n < end or span < EPOCH_FACTOR * (row[b + col.EPOCH_T] - row[b + col.START_T]):
        return
    end_epoch(row, b, t, span, ready, params)


@jit
def end_epoch(row: Table, b: int, t: float, span: float, ready: bool, params: Params) -> None:
    low, high = row[b + col.CUR_LOW], row[b + col.CUR_HIGH]
    trusted = False
    if row[b + col.EPOCHS] > 0.0:
        width = row[b + col.PREV_HIGH] - row[b + col.PREV_LOW]
        room = GROWTH * width + 0.5 * row[b + col.NOISE] * math.sqrt(
            row[b + col.TAU_FAST] / row[b + col.TAU_SLOW]
        )
        trusted = low >= row[b + col.PREV_LOW] - room and high <= row[b + col.PREV_HIGH] + room
    row[b + col.STREAK] = row[b + col.STREAK] + 1.0 if trusted else 0.0
    if ready and row[b + col.STREAK] >= STREAK_NEEDED:
        low, high = min(low, row[b + col.PREV_LOW]), max(high, row[b + col.PREV_HIGH])
        trust_band(row, b, low, high, span, params)
        return
    if (
        row[b + col.EPOCHS] > 1.0
    ):  # the first epoch may have held the start-up, later ones all count
        low, high = min(low, row[b + col.PREV_LOW]), max(high, row[b + col.PREV_HIGH])
    row[b + col.PREV_LOW], row[b + col.PREV_HIGH] = low, high
    row[b + col.CUR_LOW], row[b + col.CUR_HIGH] = math.inf, -math.inf
    row[b + col.PHASE] = col.VALIDATING
    row[b + col.EPOCHS] += 1.0
    row[b + col.EPOCH_T] = t
    row[b + col.EPOCH_END_N] = EPOCH_FACTOR * row[b + col.N]
    row[b + col.TAU_SLOW] = max(row[b + col.TAU_FAST], span / 16.0)
    row[b + col.SUM] = 0.0
    row[b + col.COUNT] = 0.0


@jit
def trust_band(row: Table, b: int, low: float, high: float, span: float, params: Params) -> None:
    """From now on this band is what the quantity is judged by."""
    row[b + col.LOW] = low
    row[b + col.HIGH] = high
    row[b + col.USUAL] = 0.5 * (low + high)
    if row[b + col.COUNT] > 0.0:
        row[b + col.USUAL] = row[b + col.SUM] / row[b + col.COUNT]
    row[b + col.SPAN] = span
    row[b + col.PHASE] = col.JUDGING
    set_allowance(row, b, params)


@jit
def set_allowance(row: Table, b: int, params: Params) -> None:
    """How far beyond the band the slow average may stray without being noticed."""
    half = 0.5 * (row[b + col.HIGH] - row[b + col.LOW])
    grain = row[b + col.NOISE] * math.sqrt(row[b + col.TAU_FAST] / row[b + col.TAU_SLOW])
    caution = params[par.CAUTION] * row[col.CAUTION]
    row[b + col.ALLOW] = caution * (params[par.MARGIN] * half + 0.25 * grain)


@inlined
def needed_s(row: Table, b: int, t: float, interval: float, params: Params) -> float:
    """Seconds that a deviation must last: a share of the learned span, less with experience."""
    longest = params[par.PERSIST_LIMIT_S]
    if t - row[b + col.START_T] >= params[par.EXPERIENCED_S]:
        longest = params[par.PERSIST_EXPERIENCED_S]
    wanted = min(longest, params[par.PERSIST_SHARE] * row[b + col.SPAN])
    wanted *= params[par.CAUTION] * row[col.CAUTION]
    if row[b + col.OPEN] == 0.0:
        wanted *= bar(row, params)
    # What once came back by itself after so long may do so again.
    wanted = max(wanted, params[par.PERSIST_LONGEST] * row[b + col.LONGEST])
    return float(max(wanted, 8.0 * interval))


@inlined
def weigh(row: Table, b: int, t: float, dt: float, interval: float, params: Params) -> float:
    """Add this sample to the evidence; tells whether a finding opened, got worse or ended."""
    allow = row[b + col.ALLOW] * (room(row, b, t, params) if params[par.DEBT] > 0.0 else 1.0)
    if allow <= 0.0:
        return NOTHING
    top = row[b + col.HIGH] + allow
    bottom = row[b + col.LOW] - allow
    slow, fast = row[b + col.SLOW], row[b + col.FAST]
    experienced = t - row[b + col.START_T] >= params[par.EXPERIENCED_S]
    needed = needed_s(row, b, t, interval, params)
    step = min(dt, 5.0 * interval)
    if bottom <= fast <= top:
        row[b + col.IN_T] = t
    elif (fast > top and slow > top) or (fast < bottom and slow < bottom):
        row[b + col.LAST_OUT_T] = t
    beyond = max(slow - top, bottom - slow)
    inside = beyond <= 0.0
    unit = allow + 0.5 * (row[b + col.HIGH] - row[b + col.LOW])
    row[b + col.Z] = max(slow - row[b + col.HIGH], row[b + col.LOW] - slow, 0.0) / unit
    evidence = row[b + col.UP]
    if inside:
        return fade(row, b, t, step, needed, params)
    side = 1.0 if slow > top else -1.0
    if evidence * side < 0.0:
        evidence = 0.0
    if evidence == 0.0:
        begin_excursion(row, b)
    rate = 1.0
    if experienced:
        rate = min(1.0 + beyond / unit, params[par.RATE_LIMIT])
    evidence = side * min(abs(evidence) + step * rate, 2.0 * needed)
    row[b + col.UP] = evidence
    note_deviation(row, b, t, fast)
    row[b + col.EXCESS] = max(row[b + col.EXCESS], beyond)
    row[b + col.SHARE] = min(abs(evidence) / needed, 1.0)
    row[b + col.PEAK] = max(row[b + col.PEAK], abs(evidence))
    row[b + col.WORST] = max(row[b + col.WORST], row[b + col.Z])
    return verdict(row, b, abs(evidence) >= needed)


@jit
def verdict(row: Table, b: int, enough: bool) -> float:
    """Whether the evidence opens a finding, or an open one has got worse by a step."""
    if row[b + col.OPEN] == 0.0:
        if not enough:
            return NOTHING
        row[b + col.OPEN] = 1.0
        row[b + col.TOLD] = row[b + col.Z]
        return OPENED
    if row[b + col.Z] >= 2.0 * row[b + col.TOLD] + 0.5:
        row[b + col.TOLD] = row[b + col.Z]
        return WORSE
    return NOTHING


@jit
def fade(row: Table, b: int, t: float, step: float, needed: float, params: Params) -> float:
    """Time inside the band: evidence goes; a finding ends, an excursion becomes part of normal."""
    evidence = row[b + col.UP]
    if evidence == 0.0:
        return NOTHING
    row[b + col.SHARE] = 0.0
    if row[b + col.OPEN] != 0.0:
        lasted = row[b + col.LAST_OUT_T] - row[b + col.ONSET]
        rest = max(needed, min(REST_SHARE * lasted, REST_LIMIT_S))
        if t - row[b + col.LAST_OUT_T] < rest:
            return NOTHING
        row[b + col.OPEN] = 0.0
        row[b + col.UP] = 0.0
        return ENDED
    left = abs(evidence) - step
    if left > 0.0:
        row[b + col.UP] = left if evidence > 0.0 else -left
        return NOTHING
    row[b + col.UP] = 0.0
    row[b + col.LONGEST] = max(row[b + col.LONGEST], row[b + col.PEAK])
    wider = row[b + col.EXCESS]
    if t - row[b + col.START_T] > params[par.EXPERIENCED_S]:
        # Later on only a little, or a slow drift would be learned peak by peak.
        wider = min(wider, row[b + col.ALLOW] - row[b + col.LEARNED])
        row[b + col.LEARNED] += max(wider, 0.0)
    if wider <= 0.0:
        return NOTHING
    if evidence > 0.0:
        row[b + col.HIGH] += wider
    else:
        row[b + col.LOW] -= wider
    return NOTHING

"""The loop over samples in arrival order: one row of state per series, events out.

Each sample touches only its own series' row and its device's row, so the outcome does not depend
on how samples are cut into batches. The same functions run uncompiled with NUMBA_DISABLE_JIT=1.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from anomaly import params as par
from anomaly import state as col
from anomaly.checks import check_missing, check_range, check_run, check_spike
from anomaly.events import C_DEVICE, C_LEVEL, C_NOISE, C_PROFILE, C_RESTART, emit
from anomaly.jit import jit
from anomaly.judge import (
    ENDED,
    NOTHING,
    learn,
    slope,
    smooth,
    start_judge,
    weigh,
)  # fmt: skip
from anomaly.params import Params
from anomaly.state import Table

SPARE_EVENTS: Final = 64  # a sample writes fewer events than this, siblings' silence aside
DAY_S: Final = 86400.0


@jit
def walk(
    rows: Table, devices: Table, params: Params, series: npt.NDArray[np.int32],
    times: Table, values: Table, arrived_s: float, start: int, events: Table,
    scores: npt.NDArray[np.float32], alarms: npt.NDArray[np.uint8],
) -> tuple[int, int]:  # fmt: skip
    """Walk samples from `start`; returns (next sample, events written), early when events fill up.

    `scores` and `alarms` are either as long as `times` or empty when nobody asks for them.
    """
    count = int(np.int64(0))  # a plain 0 would be compiled as a constant of its own
    wants_scores = scores.shape[0] > 0
    for k in range(start, times.shape[0]):
        if count + SPARE_EVENTS > events.shape[0]:
            return k, count
        i = int(series[k])
        row = rows[i]
        t, v = times[k], values[k]
        if math.isfinite(t) and math.isfinite(v) and t > row[col.LAST_T]:
            count = step_series(rows, devices, params, i, t, v, arrived_s, events, count)
        if wants_scores:
            scores[k] = row[col.SCORE]
            alarms[k] = 1 if is_open(row) else 0
    return times.shape[0], count


@jit
def is_open(row: Table) -> bool:
    return bool(
        row[col.LEVEL + col.OPEN] != 0.0
        or row[col.PROFILE + col.OPEN] != 0.0
        or row[col.NOISE_JUDGE + col.OPEN] != 0.0
        or row[col.STUCK_OPEN] != 0.0
        or row[col.RANGE_OPEN] != 0.0
        or row[col.SPIKE_OPEN] != 0.0
    )


@jit
def step_series(
    rows: Table, devices: Table, params: Params, i: int, t: float, v: float, arrived_s: float,
    events: Table, count: int,
) -> int:  # fmt: skip
    """One sample of one series; returns the count of events."""
    row = rows[i]
    gap = t - row[col.LAST_T]
    if row[col.SAMPLES] == 0.0:
        begin_session(row, t, v)
    elif gap > max(params[par.RESTART_S], row[col.LAST_T] - row[col.FIRST_T]):
        # What was learned vouches for no longer than it took: judge a restart by itself.
        count = end_all(row, i, t, events, count)
        begin_session(row, t, v)
    note_timing(row, gap, v)
    count = check_range(row, i, t, v, events, count)
    count = check_run(row, i, t, v, params, events, count)
    count = check_spike(row, i, t, v, events, count)
    if row[col.OUT_N] == 0.0 and row[col.STUCK_OPEN] == 0.0:
        count = judge_value(row, i, t, v, params, events, count)
    row[col.SCORE] = score_of(row)
    row[col.LAST_T] = t
    row[col.LAST_V] = v
    device = devices[int(row[col.DEVICE])]
    if t - device[col.D_LAST_T] > max(
        params[par.SILENCE_S], params[par.SILENCE_N] * row[col.INTERVAL]
    ):
        device[col.D_RESUME_T] = t
    if t > device[col.D_LAST_T]:
        device[col.D_LAST_T] = t
        device[col.D_LIVE] = 1.0 if arrived_s - t <= params[par.LIVE_S] else 0.0
    device[col.D_ARRIVED] = max(device[col.D_ARRIVED], arrived_s)
    if device[col.D_SILENT] != 0.0:
        device[col.D_SILENT] = 0.0
        count = emit(
            events,
            count,
            i,
            C_DEVICE,
            ENDED,
            t,
            device[col.D_SILENT_T],
            0.0,
            0.0,
            0.0,
            0.0,
            1.0,
            0.0,
            0.0,
        )
    if row[col.MISSING_OPEN] != 0.0 or device[col.D_LAST_T] - device[col.D_CHECK_T] > 30.0:
        count = check_missing(rows, device, i, params, events, count)
    return count


@jit
def begin_session(row: Table, t: float, v: float) -> None:
    """The first sample of all, or the first after a gap longer than everything seen."""
    interval = row[col.INTERVAL]
    row[col.FIRST_T] = t
    row[col.SAMPLES] = 0.0
    row[col.MAX_GAP] = 0.0
    row[col.CHANGES] = 0.0
    row[col.MEAN] = v
    row[col.MIN_V] = v
    row[col.MAX_V] = v
    row[col.STEP] = 0.0
    row[col.RUN_T] = t
    row[col.RUN_N] = 0.0
    row[col.PROFILE_READY] = 0.0
    row[col.LAST_V] = v
    start_judge(row, col.LEVEL, t, v, interval)
    start_judge(row, col.PROFILE, t, 0.0, interval)
    start_judge(row, col.NOISE_JUDGE, t, 0.0, interval)
    for column in range(col.BINS, col.BINS + 2 * col.PROFILE_BINS):
        row[column] = 0.0


@jit
def note_timing(row: Table, gap: float, v: float) -> None:
    """Track the usual interval: a running median of the gaps, in the logarithm."""
    row[col.SAMPLES] += 1.0
    row[col.SAMPLES_ALL] += 1.0
    n = row[col.SAMPLES]
    if n < 2.0:
        return
    if row[col.INTERVAL] <= 0.0:
        row[col.INTERVAL] = gap
    factor = 1.1 if n < 64.0 else 1.03
    if gap > row[col.INTERVAL] * 1.001:
        row[col.INTERVAL] = min(gap, row[col.INTERVAL] * factor)
    elif gap < row[col.INTERVAL] * 0.999:
        row[col.INTERVAL] = max(gap, row[col.INTERVAL] / factor)
    row[col.MAX_GAP] = max(row[col.MAX_GAP], gap) if n > 2.0 else 0.0
    if row[col.PHASE + col.LEVEL] != col.JUDGING:
        row[col.MEAN] += (v - row[col.MEAN]) / n
        row[col.MIN_V] = min(row[col.MIN_V], v)
        row[col.MAX_V] = max(row[col.MAX_V], v)


@jit
def judge_value(
    row: Table, i: int, t: float, v: float, params: Params, events: Table, count: int
) -> int:
    """Feed the three judges."""
    interval = row[col.INTERVAL]
    if interval <= 0.0:
        return count
    dt = t - row[col.LAST_T]
    ready = is_known(row, t, params)
    count = feed(row, col.LEVEL, C_LEVEL, i, v, t, dt, ready, params, events, count)
    if ready:
        row[col.KNOWN] = 1.0
    quiet = row[col.LEVEL + col.UP] == 0.0
    size = abs(v - row[col.LAST_V])
    row[col.STEP] += (size - row[col.STEP]) / min(row[col.SAMPLES], 1024.0)
    noise = min(size, 6.0 * row[col.STEP])
    if row[col.SAMPLES] > 16.0:
        count = feed(row, col.NOISE_JUDGE, C_NOISE, i, noise, t, dt, ready, params, events, count)
    return judge_profile(row, i, t, v, dt, quiet, params, events, count)


@jit
def is_known(row: Table, t: float, params: Params) -> bool:
    """Whether enough was seen to trust a band: at length once, briefly after a restart."""
    if row[col.HOLD] != 0.0 or row[col.SAMPLES] < params[par.SETTLE_N]:
        return False
    if row[col.KNOWN] != 0.0:
        return True
    span = t - row[col.FIRST_T]
    if row[col.DEMAND] != 0.0:
        return bool(span >= params[par.DEMAND_S])
    return bool(row[col.SAMPLES] >= params[par.COMMISSION_N] or span >= params[par.COMMISSION_S])


@jit
def judge_profile(
    row: Table, i: int, t: float, v: float, dt: float, quiet: bool, params: Params,
    events: Table, count: int,
) -> int:  # fmt: skip
    """Learn the time of day first, then judge what is left after taking it away."""
    place = (t % DAY_S) / DAY_S * col.PROFILE_BINS
    if row[col.PROFILE_READY] == 0.0:
        if quiet:
            k = int(place)
            row[col.BINS + col.PROFILE_BINS + k] += 1.0
            row[col.BINS + k] += (v - row[col.BINS + k]) / row[col.BINS + col.PROFILE_BINS + k]
        if t - row[col.FIRST_T] >= params[par.PROFILE_S]:
            for k in range(col.PROFILE_BINS):
                if row[col.BINS + col.PROFILE_BINS + k] == 0.0:
                    return count
            row[col.PROFILE_READY] = 1.0
            start_judge(row, col.PROFILE, t, v - expected(row, place), row[col.INTERVAL])
        return count
    rest = v - expected(row, place)
    ready = row[col.HOLD] == 0.0 and t - row[col.PROFILE + col.START_T] >= DAY_S
    return feed(row, col.PROFILE, C_PROFILE, i, rest, t, dt, ready, params, events, count)


@jit
def expected(row: Table, place: float) -> float:
    """The profile at this place of the day, straight lines between the middles of its bins."""
    shifted = place - 0.5
    k = math.floor(shifted)
    share = shifted - k
    left = row[col.BINS + int(k) % col.PROFILE_BINS]
    right = row[col.BINS + (int(k) + 1) % col.PROFILE_BINS]
    return float(left + share * (right - left))


@jit
def feed(
    row: Table, b: int, code: float, i: int, x: float, t: float, dt: float, ready: bool,
    params: Params, events: Table, count: int,
) -> int:  # fmt: skip
    """Give one judge its next value and write down what it says."""
    interval = row[col.INTERVAL]
    row[b + col.N] += 1.0
    if row[b + col.N] == 1.0:
        start_judge(row, b, t, x, interval)
        row[b + col.N] = 1.0
    away = smooth(row, b, x, dt)
    if row[b + col.PHASE] != col.JUDGING:
        learn(row, b, x, away, t, interval, ready, params)
        return count
    if row[col.CHANGES] < 0.02 * row[col.SAMPLES]:
        return count  # all but constant: a door, a set point, the size of a disk
    said = weigh(row, b, t, dt, interval, params)
    if said != NOTHING:
        now = row[b + col.DEV_SUM] / max(row[b + col.DEV_N], 1.0)
        at = row[b + col.LAST_OUT_T] if said == ENDED else t
        count = emit(
            events, count, i, code, said, at, row[b + col.ONSET], now, row[b + col.USUAL], row[b + col.LOW],
            row[b + col.HIGH], row[b + col.WORST], slope(row, b), t - row[b + col.ONSET],
        )  # fmt: skip
    return count


@jit
def end_all(row: Table, i: int, t: float, events: Table, count: int) -> int:
    """Close what is open when a session ends."""
    any_open = is_open(row)
    row[col.STUCK_OPEN] = 0.0
    row[col.RANGE_OPEN] = 0.0
    row[col.SPIKE_OPEN] = 0.0
    row[col.OUT_N] = 0.0
    if any_open:
        return emit(events, count, i, C_RESTART, ENDED, t, t, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    return count


@jit
def score_of(row: Table) -> float:
    """How anomalous the series is now: half for the distance, half for the evidence so far."""
    score = 0.0
    for b in range(col.LEVEL, col.LEVEL + 3 * col.JUDGE_WIDTH, col.JUDGE_WIDTH):
        if row[b + col.PHASE] == col.JUDGING:
            z = row[b + col.Z]
            here = 0.5 * z / (1.0 + z) + 0.5 * row[b + col.SHARE]
            score = max(score, here)
    if row[col.STUCK_OPEN] != 0.0 or row[col.RANGE_OPEN] != 0.0 or row[col.SPIKE_OPEN] != 0.0:
        score = max(score, 0.95)
    return score

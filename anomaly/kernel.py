"""The loop over samples in arrival order: one row of state per series, events out.

Each sample touches only its own series' row and its device's row, so the outcome does not depend
on how samples are cut into batches. The same functions run uncompiled with NUMBA_DISABLE_JIT=1.
"""

# ruff: noqa: PLR0917 - compiled functions take their state by position

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt

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
from anomaly.params import (
    COMMISSION_S,
    DEMAND_S,
    LIVE_S,
    PROFILE_S,
    RESTART_S,
    SILENCE_N,
    SILENCE_S,
    Params,
)
from anomaly.state import (
    BINS,
    CHANGES,
    D_ARRIVED,
    D_CHECK_T,
    D_LAST_T,
    D_LIVE,
    D_RESUME_T,
    D_SILENT,
    D_SILENT_T,
    DEMAND,
    DEV_N,
    DEV_SUM,
    DEVICE,
    FIRST_T,
    HIGH,
    IN_T,
    INTERVAL,
    JUDGE_WIDTH,
    JUDGING,
    LAST_T,
    LAST_V,
    LEVEL,
    LOW,
    MAX_GAP,
    MAX_V,
    MEAN,
    MIN_V,
    MISSING_OPEN,
    NOISE_JUDGE,
    ONSET,
    OPEN,
    OUT_N,
    PHASE,
    PROFILE,
    PROFILE_BINS,
    PROFILE_READY,
    RANGE_OPEN,
    RUN_N,
    RUN_T,
    SAMPLES,
    SAMPLES_ALL,
    SCORE,
    SHARE,
    SPIKE_OPEN,
    STEP,
    STUCK_OPEN,
    UP,
    USUAL,
    WORST,
    N,
    Table,
    Z,
)  # fmt: skip

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
    count = 0
    wants_scores = scores.shape[0] > 0
    for k in range(start, times.shape[0]):
        if count + SPARE_EVENTS > events.shape[0]:
            return k, count
        i = series[k]
        row = rows[i]
        t, v = times[k], values[k]
        if math.isfinite(t) and math.isfinite(v) and t > row[LAST_T]:
            count = step_series(rows, devices, params, i, t, v, arrived_s, events, count)
        if wants_scores:
            scores[k] = row[SCORE]
            alarms[k] = 1 if is_open(row) else 0
    return times.shape[0], count


@jit
def is_open(row: Table) -> bool:
    return bool(
        row[LEVEL + OPEN] != 0.0
        or row[PROFILE + OPEN] != 0.0
        or row[NOISE_JUDGE + OPEN] != 0.0
        or row[STUCK_OPEN] != 0.0
        or row[RANGE_OPEN] != 0.0
        or row[SPIKE_OPEN] != 0.0
    )


@jit
def step_series(
    rows: Table, devices: Table, params: Params, i: int, t: float, v: float, arrived_s: float,
    events: Table, count: int,
) -> int:  # fmt: skip
    """One sample of one series; returns the count of events."""
    row = rows[i]
    gap = t - row[LAST_T]
    if row[SAMPLES] == 0.0:
        begin_session(row, t, v)
    elif gap > max(params[RESTART_S], row[LAST_T] - row[FIRST_T]):
        # What was learned vouches for no longer than it took: judge a restart by itself.
        count = end_all(row, i, t, events, count)
        begin_session(row, t, v)
    note_timing(row, gap, v)
    count = check_range(row, i, t, v, events, count)
    count = check_run(row, i, t, v, params, events, count)
    count = check_spike(row, i, t, v, params, events, count)
    if row[OUT_N] == 0.0 and row[STUCK_OPEN] == 0.0:
        count = judge_value(row, i, t, v, params, events, count)
    row[SCORE] = score_of(row)
    row[LAST_T] = t
    row[LAST_V] = v
    device = devices[int(row[DEVICE])]
    if t - device[D_LAST_T] > max(params[SILENCE_S], params[SILENCE_N] * row[INTERVAL]):
        device[D_RESUME_T] = t
    if t > device[D_LAST_T]:
        device[D_LAST_T] = t
        device[D_LIVE] = 1.0 if arrived_s - t <= params[LIVE_S] else 0.0
    device[D_ARRIVED] = max(device[D_ARRIVED], arrived_s)
    if device[D_SILENT] != 0.0:
        device[D_SILENT] = 0.0
        count = emit(events, count, i, C_DEVICE, ENDED, t, device[D_SILENT_T], 0, 0, 0, 0, 1, 0, 0)
    if row[MISSING_OPEN] != 0.0 or device[D_LAST_T] - device[D_CHECK_T] > 30.0:
        count = check_missing(rows, device, i, params, events, count)
    return count


@jit
def begin_session(row: Table, t: float, v: float) -> None:
    """The first sample of all, or the first after a gap longer than everything seen."""
    interval = row[INTERVAL]
    row[FIRST_T] = t
    row[SAMPLES] = 0.0
    row[MAX_GAP] = 0.0
    row[CHANGES] = 0.0
    row[MEAN] = v
    row[MIN_V] = v
    row[MAX_V] = v
    row[STEP] = 0.0
    row[RUN_T] = t
    row[RUN_N] = 0.0
    row[PROFILE_READY] = 0.0
    row[LAST_V] = v
    start_judge(row, LEVEL, t, v, interval)
    start_judge(row, PROFILE, t, 0.0, interval)
    start_judge(row, NOISE_JUDGE, t, 0.0, interval)
    for column in range(BINS, BINS + 2 * PROFILE_BINS):
        row[column] = 0.0


@jit
def note_timing(row: Table, gap: float, v: float) -> None:
    """Track the usual interval: a running median of the gaps, in the logarithm."""
    row[SAMPLES] += 1.0
    row[SAMPLES_ALL] += 1.0
    n = row[SAMPLES]
    if n < 2.0:
        return
    if row[INTERVAL] <= 0.0:
        row[INTERVAL] = gap
    factor = 1.1 if n < 64.0 else 1.01
    if gap > row[INTERVAL] * 1.001:
        row[INTERVAL] = min(gap, row[INTERVAL] * factor)
    elif gap < row[INTERVAL] * 0.999:
        row[INTERVAL] = max(gap, row[INTERVAL] / factor)
    row[MAX_GAP] = max(row[MAX_GAP], gap) if n > 2.0 else 0.0
    if row[PHASE + LEVEL] != JUDGING:
        row[MEAN] += (v - row[MEAN]) / n
        row[MIN_V] = min(row[MIN_V], v)
        row[MAX_V] = max(row[MAX_V], v)


@jit
def judge_value(
    row: Table, i: int, t: float, v: float, params: Params, events: Table, count: int
) -> int:
    """Feed the three judges."""
    interval = row[INTERVAL]
    if interval <= 0.0:
        return count
    dt = t - row[LAST_T]
    min_span = params[DEMAND_S] if row[DEMAND] != 0.0 else params[COMMISSION_S]
    count = feed(row, LEVEL, C_LEVEL, i, v, t, dt, min_span, params, events, count)
    quiet = row[LEVEL + UP] == 0.0
    size = abs(v - row[LAST_V])
    row[STEP] += (size - row[STEP]) / min(row[SAMPLES], 1024.0)
    noise = min(size, 6.0 * row[STEP])
    if row[SAMPLES] > 16.0:
        count = feed(row, NOISE_JUDGE, C_NOISE, i, noise, t, dt, min_span, params, events, count)
    return judge_profile(row, i, t, v, dt, quiet, params, events, count)


@jit
def judge_profile(
    row: Table, i: int, t: float, v: float, dt: float, quiet: bool, params: Params,
    events: Table, count: int,
) -> int:  # fmt: skip
    """Learn the time of day first, then judge what is left after taking it away."""
    place = (t % DAY_S) / DAY_S * PROFILE_BINS
    if row[PROFILE_READY] == 0.0:
        if quiet:
            k = int(place)
            row[BINS + PROFILE_BINS + k] += 1.0
            row[BINS + k] += (v - row[BINS + k]) / row[BINS + PROFILE_BINS + k]
        if t - row[FIRST_T] >= params[PROFILE_S]:
            for k in range(PROFILE_BINS):
                if row[BINS + PROFILE_BINS + k] == 0.0:
                    return count
            row[PROFILE_READY] = 1.0
            start_judge(row, PROFILE, t, v - expected(row, place), row[INTERVAL])
        return count
    rest = v - expected(row, place)
    return feed(row, PROFILE, C_PROFILE, i, rest, t, dt, DAY_S, params, events, count)


@jit
def expected(row: Table, place: float) -> float:
    """The profile at this place of the day, straight lines between the middles of its bins."""
    shifted = place - 0.5
    k = math.floor(shifted)
    share = shifted - k
    left = row[BINS + int(k) % PROFILE_BINS]
    right = row[BINS + (int(k) + 1) % PROFILE_BINS]
    return float(left + share * (right - left))


@jit
def feed(
    row: Table, b: int, code: int, i: int, x: float, t: float, dt: float, min_span: float,
    params: Params, events: Table, count: int,
) -> int:  # fmt: skip
    """Give one judge its next value and write down what it says."""
    interval = row[INTERVAL]
    row[b + N] += 1.0
    if row[b + N] == 1.0:
        start_judge(row, b, t, x, interval)
        row[b + N] = 1.0
    away = smooth(row, b, x, dt)
    if row[b + PHASE] != JUDGING:
        learn(row, b, x, away, t, interval, min_span, params)
        return count
    if row[CHANGES] < 0.02 * row[SAMPLES]:
        return count  # all but constant: a door, a set point, the size of a disk
    said = weigh(row, b, t, dt, interval, params)
    if said != NOTHING:
        now = row[b + DEV_SUM] / max(row[b + DEV_N], 1.0)
        at = row[b + IN_T] if said == ENDED else t
        count = emit(
            events, count, i, code, said, at, row[b + ONSET], now, row[b + USUAL], row[b + LOW],
            row[b + HIGH], row[b + WORST], slope(row, b), t - row[b + ONSET],
        )  # fmt: skip
    return count


@jit
def end_all(row: Table, i: int, t: float, events: Table, count: int) -> int:
    """Close what is open when a session ends."""
    any_open = is_open(row)
    row[STUCK_OPEN] = 0.0
    row[RANGE_OPEN] = 0.0
    row[SPIKE_OPEN] = 0.0
    row[OUT_N] = 0.0
    if any_open:
        return emit(events, count, i, C_RESTART, ENDED, t, t, 0, 0, 0, 0, 0, 0, 0)
    return count


@jit
def score_of(row: Table) -> float:
    """How anomalous the series is now: half for the distance, half for the evidence so far."""
    score = 0.0
    for b in range(LEVEL, LEVEL + 3 * JUDGE_WIDTH, JUDGE_WIDTH):
        if row[b + PHASE] == JUDGING:
            z = row[b + Z]
            here = 0.5 * z / (1.0 + z) + 0.5 * row[b + SHARE]
            score = max(score, here)
    if row[STUCK_OPEN] != 0.0 or row[RANGE_OPEN] != 0.0 or row[SPIKE_OPEN] != 0.0:
        score = max(score, 0.95)
    return score

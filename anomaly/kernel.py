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
from anomaly.budget import device_score, end_row
from anomaly.checks import check_missing, check_range, check_run
from anomaly.commotion import note_motion
from anomaly.counters import COUNTS, NO_COUNTER, as_rate, check_reset
from anomaly.daylong import start_days
from anomaly.event_rate import note_events
from anomaly.events import C_DEVICE, C_RESTART, E_WHAT, emit
from anomaly.fetching import fetch_next
from anomaly.jit import borrowed, inlined, jit
from anomaly.judge import ENDED, OPENED, start_judge
from anomaly.judging import DAY_S, judge_value
from anomaly.jumps import check_jump
from anomaly.params import Params
from anomaly.restarts import is_restart
from anomaly.spending import debt_left, spend
from anomaly.spikes import check_spike, is_watched
from anomaly.state import Table
from anomaly.surprise import surprise

BEYOND: Final = 1e100  # no quantity is larger, and sums and squares of larger ones overflow
SPARE_EVENTS: Final = 64  # a sample writes fewer events than this, siblings' silence aside


@jit
def walk(
    rows: Table, devices: Table, params: Params, series: npt.NDArray[np.int32],
    times: Table, values: Table, arrived_s: float, start: int, events: Table,
    scores: npt.NDArray[np.float32], alarms: npt.NDArray[np.uint8],
    whole: npt.NDArray[np.float32], whole_alarms: npt.NDArray[np.uint8],
) -> tuple[int, int]:  # fmt: skip
    """Walk samples from `start`; returns (next sample, events written), early when events fill up.

    `scores` and `alarms` are either as long as `times` or empty when nobody asks for them; so are
    `whole` and `whole_alarms`, which get what the device as a whole comes to at the last sample of
    each of its rows. Asking for those says that rows are never cut between batches.
    """
    rows, devices, events = borrowed(rows), borrowed(devices), borrowed(events)
    params = borrowed(params)
    count = int(np.int64(0))  # a plain 0 would be compiled as a constant of its own
    part_of_day = 0.0  # as of the sample before: where the next ones look into their profiles
    wants_scores = scores.shape[0] > 0
    wants_whole = whole.shape[0] > 0
    for k in range(start, times.shape[0]):
        if count + SPARE_EVENTS > events.shape[0]:
            return k, count
        fetch_next(rows, devices, series, k, part_of_day)
        i = int(series[k])
        row = rows[i]
        t, v = times[k], values[k]
        if math.isfinite(t) and abs(v) <= BEYOND and t > row[col.LAST_T]:
            part_of_day = t / DAY_S - math.floor(t / DAY_S)
            count = step_series(rows, devices, params, i, t, v, arrived_s, events, count)
        if wants_scores:
            scores[k] = row[col.SCORE]
            alarms[k] = 1 if is_open(row) else 0
        if wants_whole:
            device = devices[int(row[col.DEVICE])]
            ends = k + 1 == times.shape[0] or times[k + 1] != t
            if ends or rows[int(series[k + 1]), col.DEVICE] != row[col.DEVICE]:
                count = end_row(rows, device, params, events, count)
                whole[k] = device_score(device)
                whole_alarms[k] = 1 if device[col.D_ALARM] + device[col.D_RUN_ALARM] > 0.0 else 0
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
        or row[col.JUMP_OPEN] != 0.0
        or row[col.DAY_OPEN] != 0.0
        or row[col.CALM_OPEN] != 0.0
        or row[col.EV_OPEN] != 0.0
    )


@inlined
def step_series(
    rows: Table, devices: Table, params: Params, i: int, t: float, v: float, arrived_s: float,
    events: Table, count: int,
) -> int:  # fmt: skip
    """One sample of one series; returns the count of events."""
    row = rows[i]
    device = devices[int(row[col.DEVICE])]
    if t > device[col.D_ROW_T]:
        count = end_row(rows, device, params, events, count)
        device[col.D_ROW_T] = t
    gap = t - row[col.LAST_T]
    if row[col.SAMPLES] == 0.0:
        begin_session(row, t, v)
    elif is_restart(row, gap, params):
        # What was learned vouches for no longer than it took: judge a restart by itself.
        count = end_all(row, i, t, events, count)
        begin_session(row, t, v)
    before = count
    params[par.DEBT] = debt_left(device, t, params)
    count = check_range(row, i, t, v, events, count)
    if row[col.COUNTER] != NO_COUNTER:
        count, v = read_counter(row, i, t, v, events, count)
    note_timing(row, t, gap, v)
    count = note_events(row, i, t, row[col.SAMPLES] > 1.0 and v != row[col.LAST_V], events, count)
    count = check_run(row, i, t, v, params, events, count)
    count = check_spike(row, i, t, v, events, count)
    count = check_jump(row, i, t, v, events, count)
    params[par.CAUTION] = device[col.D_SHARE]  # the budget is the device's: its metrics share it
    if row[col.OUT_N] == 0.0 and row[col.STUCK_OPEN] == 0.0:
        count = judge_value(row, i, t, v, params, events, count)
    if count > before and opens(events, before, count):
        spend(device, t, params)
    # What is only known to last scores below what is new: half of the scale each.
    row[col.SCORE] = max(surprise(row, t, v), 0.49 * score_of(row))
    note_motion(row, device, gap, v, params)
    row[col.LAST_T] = t
    row[col.LAST_V] = v
    count = hear(row, device, params, i, t, arrived_s, events, count)
    if row[col.MISSING_OPEN] != 0.0 or device[col.D_LAST_T] - device[col.D_CHECK_T] > 30.0:
        count = check_missing(rows, device, i, params, events, count)
    return count


@jit
def opens(events: Table, before: int, count: int) -> bool:
    """Whether one of these events opened a finding."""
    opened = 0
    for k in range(before, count):
        opened += events[k, E_WHAT] == OPENED
    return opened > 0


@jit
def read_counter(
    row: Table, i: int, t: float, v: float, events: Table, count: int
) -> tuple[int, float]:
    """What is judged of a reading of what may be a counter, after events of its own."""
    if row[col.SAMPLES_ALL] == 0.0:
        row[col.COUNT_LAST] = v
        return count, v
    known, before = row[col.COUNTER], row[col.COUNT_LAST]
    judged = as_rate(row, t, v)
    if row[col.COUNTER] == COUNTS:
        count = check_reset(row, i, t, v, before, events, count)
    if row[col.COUNTER] != known and COUNTS in (known, row[col.COUNTER]):
        # From here on it is another quantity.
        count = end_all(row, i, t, events, count)
        begin_session(row, t, judged)
        for column in col.SHORT:
            row[column] = 0.0
        row[col.SAMPLES_ALL] = 0.0
        row[col.KNOWN] = 0.0
        row[col.DEMAND] += 2.0 if known != COUNTS else -2.0  # beside what the unit says
    return count, judged


@inlined
def hear(
    row: Table, device: Table, params: Params, i: int, t: float, arrived_s: float, events: Table,
    count: int,
) -> int:  # fmt: skip
    """The device has been heard: when, whether live, and that it is silent no more."""
    if t - device[col.D_LAST_T] > max(
        params[par.SILENCE_S], params[par.SILENCE_N] * row[col.INTERVAL]
    ):
        device[col.D_RESUME_T] = t
    if t > device[col.D_LAST_T]:
        device[col.D_LAST_T] = t
        device[col.D_LIVE] = 1.0 if arrived_s - t <= params[par.LIVE_S] else 0.0
    device[col.D_ARRIVED] = max(device[col.D_ARRIVED], arrived_s)
    if device[col.D_LINK] >= col.LINK_LOST and t > device[col.D_LINK_T]:
        device[col.D_LINK] = col.LINK_ONLINE  # it speaks again, whatever its link last said
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
    row[col.MAX_STEP] = 0.0
    row[col.LAST_V] = v
    start_judge(row, col.LEVEL, t, v, interval)
    start_judge(row, col.PROFILE, t, 0.0, interval)
    start_judge(row, col.NOISE_JUDGE, t, 0.0, interval)
    for column in range(col.BINS, col.BINS + col.PROFILE_BINS):
        row[column] = 0.0
    for column in range(col.BIN_COUNTS, col.DAY, col.JUDGES):
        row[column] = 0.0
    start_days(row, t)


@inlined
def note_timing(row: Table, t: float, gap: float, v: float) -> None:
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
        if not is_watched(row, t):
            row[col.MIN_V] = min(row[col.MIN_V], v)
            row[col.MAX_V] = max(row[col.MAX_V], v)


@jit
def end_all(row: Table, i: int, t: float, events: Table, count: int) -> int:
    """Close what is open when a session ends."""
    any_open = is_open(row)
    row[col.STUCK_OPEN] = 0.0
    row[col.RANGE_OPEN] = 0.0
    row[col.SPIKE_OPEN] = 0.0
    row[col.JUMP_OPEN] = 0.0
    row[col.JUMP_SIZE] = 0.0
    row[col.DAY_OPEN] = 0.0
    row[col.CALM_OPEN] = 0.0
    row[col.EV_OPEN] = 0.0
    row[col.RESET_OPEN] = 0.0
    row[col.OUT_N] = 0.0
    if any_open:
        return emit(events, count, i, C_RESTART, ENDED, t, t, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    return count


@inlined
def score_of(row: Table) -> float:
    """How anomalous the series is now: half for the distance, half for the evidence so far."""
    score = 0.0
    for b in range(col.LEVEL, col.LEVEL + col.JUDGES):
        if row[b + col.PHASE] == col.JUDGING:
            z = row[b + col.Z]
            here = 0.5 * z / (1.0 + z) + 0.5 * row[b + col.SHARE]
            score = max(score, here)
    if row[col.STUCK_OPEN] != 0.0 or row[col.RANGE_OPEN] != 0.0 or row[col.SPIKE_OPEN] != 0.0:
        score = max(score, 0.95)
    return score

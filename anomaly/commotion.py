"""What a device does as a whole: how much all of its metrics move at once, row by row.

A row is what the device's metrics read at one time. Each sample's step from the one before, and its
distance from an average of ten, are measured in the metric's own usual steps and spread; the mean of
their squares over the row, smoothed over ten rows, is the commotion. (Ten where a minute or less lies
between rows; what is read more seldom shows the same trouble in fewer.) What one metric adds
saturates, the sooner the fewer metrics there are: one that leaps is not the device. Sudden trouble
moves several metrics of a device within minutes; their usual days do not. Scales go on learning
slowly, so a device that has become livelier for good is told once and then taken as it is.

Beside it, for a device whose healthy run was declared and short (a test bed, an acceptance run): how
far the smoothed levels have left those of the healthy run, all metrics taken together.
"""

from __future__ import annotations

import math
from typing import Final

from anomaly import params as par
from anomaly import state as col
from anomaly.jit import inlined
from anomaly.params import Params
from anomaly.state import Table
from anomaly.surprise import HUGE

FEW_SAMPLES: Final = 30.0
PACE_SAMPLES: Final = 20_000.0  # scales keep learning at this pace
SMOOTHED: Final = 10.0  # samples that are smoothed over, of a series read every minute or faster …
DENSE_S: Final = 60.0
FEWER: Final = 0.35
REACH: Final = 20.0  # no metric counts for more than so many of its usual steps …
ALONE: Final = 5.0  # … nor adds more than this to the mean of the squares over all metrics
GAP_INTERVALS: Final = 5.0
EARLY_REACH: Final = 3.0
LEARNED_REACH: Final = 6.0  # a wild sample teaches no more than this
GRAIN: Final = 0.02  # part of the range seen that is added to every scale


@inlined
def note_motion(row: Table, device: Table, gap_s: float, v: float, params: Params) -> None:
    """Add one sample, so long after the one before, to its device's row; learn the metric's scales."""
    n = row[col.SAMPLES_ALL]
    if abs(v) > HUGE:
        return
    if n <= 1.0:
        row[col.VALUE_TEN] = v
        row[col.CENTRE] = v
        return
    reach = REACH if n > FEW_SAMPLES else EARLY_REACH
    grain = GRAIN * (row[col.VALUE_HIGH] - row[col.VALUE_LOW])
    step_scale = math.sqrt(row[col.STEP_SQUARE]) + grain
    spread = math.sqrt(row[col.SPREAD_SQUARE]) + grain
    step = abs(v - row[col.LAST_V])
    step_units = in_units(step, step_scale, reach)
    ten_units = in_units(abs(v - row[col.VALUE_TEN]), spread, reach)
    motion = step_units * step_units + ten_units * ten_units
    motion /= 1.0 + motion / (ALONE * device[col.D_METRICS])
    if gap_s > GAP_INTERVALS * row[col.INTERVAL]:
        # What was read before a gap is no measure of now: the device is taken to be as it was.
        motion, step = device[col.D_MOTION], 0.0
        row[col.VALUE_TEN] = v
    share = 1.0 / smoothing(row[col.INTERVAL], params)
    row[col.MOTION] += (motion - row[col.MOTION]) * share
    device[col.D_ROW_SUM] += motion
    device[col.D_ROW_N] += 1.0
    note_level(row, device, v)
    pace = 1.0 / min(n, PACE_SAMPLES)
    away = abs(v - row[col.CENTRE])
    if n > 200.0:
        step = min(step, LEARNED_REACH * step_scale)
        away = min(away, LEARNED_REACH * spread)
    row[col.STEP_SQUARE] += (step * step - row[col.STEP_SQUARE]) * pace
    row[col.SPREAD_SQUARE] += (away * away - row[col.SPREAD_SQUARE]) * pace
    row[col.CENTRE] += (v - row[col.CENTRE]) * pace
    row[col.VALUE_TEN] += (v - row[col.VALUE_TEN]) * share
    device[col.D_NEWS] = share


@inlined
def smoothing(interval_s: float, params: Params) -> float:
    """Over how many samples a series is smoothed that is read so often."""
    if interval_s <= DENSE_S:
        return SMOOTHED
    if params[par.PACE_OF_S] != interval_s:  # mostly that of the series before: a power takes long
        params[par.PACE_OF_S] = interval_s
        params[par.PACE] = max(SMOOTHED * (DENSE_S / interval_s) ** FEWER, 1.0)
    return float(params[par.PACE])


@inlined
def in_units(size: float, scale: float, reach: float) -> float:
    if scale > 0.0:
        return float(min(size / scale, reach))
    return 0.0 if size == 0.0 else reach


@inlined
def note_level(row: Table, device: Table, v: float) -> None:
    """The smoothed distance from the healthy run's centre; while that run lasts, its usual size."""
    if row[col.HOLD] != 0.0:
        n = row[col.SAMPLES_ALL]
        row[col.RUN_AWAY] += (v - row[col.CENTRE] - row[col.RUN_AWAY]) / SMOOTHED
        if n > FEW_SAMPLES:
            square = row[col.RUN_AWAY] * row[col.RUN_AWAY]
            row[col.RUN_SQUARE] += (square - row[col.RUN_SQUARE]) / (n - FEW_SAMPLES)
        return
    if row[col.RUN_SCALE] <= 0.0:
        return
    row[col.RUN_AWAY] += (v - row[col.RUN_CENTRE] - row[col.RUN_AWAY]) / SMOOTHED
    units = min(abs(row[col.RUN_AWAY]) / row[col.RUN_SCALE], REACH)
    row[col.RUN_SHARE] = units * units
    device[col.D_RUN_SUM] += units * units


@inlined
def take_row(device: Table) -> None:
    """End the device's row: move the smoothed commotion, and the level where there is one."""
    n = device[col.D_ROW_N]
    device[col.D_MOTION] += (device[col.D_ROW_SUM] / n - device[col.D_MOTION]) * device[col.D_NEWS]
    device[col.D_LEVEL] = math.sqrt(device[col.D_RUN_SUM] / n)
    device[col.D_ROWS] += 1.0
    device[col.D_ROW_N] = 0.0
    device[col.D_ROW_SUM] = 0.0
    device[col.D_RUN_SUM] = 0.0

"""The table of states: one row of float64 per series, one named column per number.

A plain two-dimensional array, so that a compiled loop and plain Python walk it alike and
`tobytes()` is the whole state. The column names below are the only description of its layout;
`LAYOUT` changes with them, and bytes of another layout are refused.

A row is longer than thirty lines of cache, and most of a sample's time would go by fetching it: what
every sample needs stands in front, what is needed by the hour or in an excursion behind, and what is
written apart from what is only read, which need not be written back. First come the series' own facts,
then three judges of equal shape: LEVEL (the value against its commissioning band), PROFILE (the value
less its time-of-day profile) and NOISE (the step from sample to sample).
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

Table = npt.NDArray[np.float64]

PROFILE_BINS: Final = 24

# fmt: off
(  # what every sample of a series needs: what its device's other metrics ask it for, what it writes, what it reads
    LAST_T, SAMPLES, INTERVAL, MAX_GAP, MISSING_OPEN, HOLD, NEXT, DEVICE,
    LAST_V, SAMPLES_ALL, RUN_N, RUN_T, CHANGES, STUCK_OPEN, OUT_N, MAX_RUN_N,
    MAX_RUN_S, MIN_V, MAX_V, MAX_STEP, STEP, SCORE, KNOWN, SPIKE_LENGTH,
    EV_N, H_N, H_SUM, H_STEPS, VALUE_LOW, VALUE_HIGH, AWAY_LOW, AWAY_HIGH,
    REST_LOW, REST_HIGH, REST_SLOW, VALUE_SLOW, RECENT, VALUE_TEN, STEP_SQUARE, CENTRE,
    SPREAD_SQUARE, MOTION, VISITED, MEAN, FIRST_T, LIMIT_LOW, LIMIT_HIGH, DEMAND,
    RANGE_OPEN, SPIKE_OPEN, PROFILE_READY, CAUTION, COUNTER, EV_BLOCK, EV_MOST, EV_OPEN,
    JUMP_SIZE, JUMP_OPEN, DAY_OPEN, CALM_OPEN, H_BLOCK, SPIKE_N, RUN_SCALE, COUNT_LAST,
) = range(_FACTS := 64)

(  # a judge's columns, counted from its base: what each sample writes or reads, what judging reads, what learning needs
    N, FAST, SLOW, IN_T, Z, PHASE, OPEN, UP, START_T, TAU_FAST, TAU_SLOW, NOISE,
    SHARE, ALLOW, LOW, HIGH, SPAN, LONGEST, LAST_OUT_T,
    EPOCHS, EPOCH_T, EPOCH_END_N, CUR_LOW, CUR_HIGH, SUM, COUNT,
    PREV_LOW, PREV_HIGH, STREAK, USUAL, LEARNED, ONSET, TOLD,
) = range(0, JUDGE_WIDTH := 99, JUDGES := 3)
# What only an excursion needs lies where only learning needed room: `begin_excursion` clears it.
PEAK, EXCESS, DEV_T, DEV_TX, DEV_TT, WORST = range(EPOCH_T, PREV_LOW, JUDGES)
DEV_N, DEV_SUM = PREV_LOW, PREV_HIGH
# fmt: on

# The judges are interleaved: the same column of all three stands together.
LEVEL, PROFILE, NOISE_JUDGE = range(_FACTS, _FACTS + JUDGES)
# While the bins are learned there is no judge of what they leave: their counts lie in its place, one in
# every column behind those that say so.
BIN_COUNTS: Final = PROFILE + JUDGE_WIDTH - JUDGES * PROFILE_BINS
OFTEN: Final = _FACTS + SHARE  # columns that every sample needs, from the first up to here;
JUDGED: Final = _FACTS + EPOCHS  # up to here more where a judge judges, from here where it learns

DAY_BINS: Final = 12
DAY: Final = _FACTS + JUDGE_WIDTH
BINS: Final = DAY + DAY_BINS
# fmt: off
(  # what is out of range, missing, jumps; six hours at a time, what the days were at first (anomaly/daylong.py);
   # a declared healthy run; resets of a counter, blocks of events
    MISSING_T, OUT_T, OUT_LAST_T, OUT_WORST, SPIKE_T, JUMP_FROM, JUMP_T,
    H_SIX, H_LOW, _, _, _, _, H_HIGH, _, _, _, _, H_CALM, _, _, CALM_T, CALM_RUN, UP_T, DOWN_T, DAY_RUN,
    FIRST_LOW_MIN, FIRST_LOW_MAX, FIRST_HIGH_MIN, FIRST_HIGH_MAX, FIRST_CALM, FIRST_INTERVAL, FIRST_N,
    RUN_AWAY, RUN_SQUARE, RUN_CENTRE, RUN_SHARE, RISES, RESET_T, RESET_FROM_T, RESET_RUN, RESET_SLOW, RESET_OPEN,
    EV_FROM_T, EV_BLOCKS,
) = range(BINS + PROFILE_BINS, WIDTH := BINS + PROFILE_BINS + 45)
# fmt: on
# fmt: off
SHORT: Final = (  # the short horizon: forgotten when a series turns out to be another quantity
    VALUE_LOW, VALUE_HIGH, AWAY_LOW, AWAY_HIGH, REST_LOW, REST_HIGH, REST_SLOW, VALUE_SLOW, VISITED,
    RECENT, VALUE_TEN, STEP_SQUARE, CENTRE, SPREAD_SQUARE, MOTION, RUN_AWAY, RUN_SQUARE, RUN_CENTRE,
    RUN_SCALE, RUN_SHARE, MAX_STEP, JUMP_SIZE, JUMP_FROM, JUMP_T, JUMP_OPEN, *range(DAY, DAY + DAY_BINS),
)
# fmt: on
SIXES: Final = 5  # six hours now and four times six before
CALM_SIXES: Final = 3

# Phases of a judge: it learns a first band, then widens it until it stops growing, then judges.
LEARNING: Final = 0.0
VALIDATING: Final = 1.0
JUDGING: Final = 2.0

# One row per device.
(
    D_LAST_T, D_CHECK_T, D_HEAD, D_RESUME_T, D_ARRIVED, D_LIVE, D_LINK, D_LINK_T, D_SILENT,
    D_SILENT_T, D_ROW_T, D_ROW_N, D_ROW_SUM, D_RUN_SUM, D_MOTION, D_LEVEL, D_ROWS, D_BLOCK,
    D_BLOCK_MAX, D_BLOCKS, D_TOLD, D_TOLD_T, D_ALARM, D_ALARM_T, D_RUN_END, D_RUN_NEEDED, D_RUN_SINCE,
    D_RUN_ALARM, D_LIMIT, D_METRICS, D_CAUTION, D_SHARE,
    D_NEWS,
    D_DEBT, D_DEBT_T,  # false episodes not yet paid for (anomaly/spending.py), as of when
) = range(D_OFTEN := 35)  # fmt: skip
# How many blocks of an hour had their largest commotion in each bin, on a logarithmic scale.
D_HISTOGRAM: Final = D_OFTEN
HISTOGRAM_BINS: Final = 40
_LINKS: Final = D_HISTOGRAM + HISTOGRAM_BINS
# What its link has been through (anomaly/links.py): five columns of losses, five of starts.
D_DROPS: Final = _LINKS
D_BOOTS: Final = _LINKS + 5
D_BOOT: Final = _LINKS + 10
D_HEARD_FROM: Final = _LINKS + 11
D_WIDTH: Final = _LINKS + 12

# What the device's link last said (D_LINK).
LINK_UNKNOWN: Final = 0.0
LINK_ONLINE: Final = 1.0
LINK_LOST: Final = 2.0
LINK_SHUTDOWN: Final = 3.0

# Raised with every change of the columns above: states of another layout are refused.
LAYOUT: Final = f"v9.{WIDTH}.{JUDGE_WIDTH}.{PROFILE_BINS}.{D_WIDTH}"


def new_series_row(device: int, low: float, high: float, *, demand: bool) -> Table:
    """A row that has seen nothing."""
    row = np.zeros(WIDTH)
    row[LAST_T] = -np.inf
    row[DEVICE] = device
    row[NEXT] = -1
    row[LIMIT_LOW] = low
    row[LIMIT_HIGH] = high
    row[DEMAND] = float(demand)
    row[CAUTION] = 1.0
    return row


def new_device_row() -> Table:
    """A device that has sent nothing."""
    row = np.zeros(D_WIDTH)
    row[[D_LAST_T, D_CHECK_T, D_RESUME_T, D_ARRIVED, D_ROW_T]] = -np.inf
    row[[D_TOLD_T, D_ALARM_T, D_RUN_END, D_DEBT_T]] = -np.inf
    row[D_LIMIT] = np.inf
    row[D_BLOCK] = -1.0
    row[D_HEAD] = -1
    row[D_CAUTION] = 1.0
    return row


# Columns that survive a new baseline: who the series is and where its stream stands.
_KEPT = (
    LAST_T, LAST_V, SAMPLES_ALL, INTERVAL, DEVICE, NEXT, LIMIT_LOW, LIMIT_HIGH, DEMAND,
    MISSING_OPEN, MISSING_T, CAUTION, COUNTER, COUNT_LAST, RESET_T, RESET_FROM_T, RESET_RUN, RESET_SLOW,
)  # fmt: skip


def forget_baseline(row: Table) -> None:
    """Start commissioning anew in place, keeping identity and the position in time."""
    kept = row[list(_KEPT)].copy()
    row[:] = 0.0
    row[list(_KEPT)] = kept


def forgive(device: Table) -> None:
    """After a repair what was told before is no reason to be quieter."""
    device[D_DEBT] = 0.0
    device[D_DEBT_T] = -np.inf

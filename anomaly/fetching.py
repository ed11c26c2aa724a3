"""Having the processor load the rows of the next samples while it works on this one.

The table of many series is larger than the cache, and waiting for memory took more than half of a
sample's time. A hint to the processor: no result hangs on it, and uncompiled code gives none.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from anomaly import state as col
from anomaly.jit import fetched, inlined
from anomaly.state import Table

AHEAD: Final = 8  # samples: memory takes as long as a few of them do
AHEAD_PHASE: Final = 4  # when it is known what phase the judges are in
AHEAD_FIRST: Final = 16  # what a device asks of all its metrics is there when it asks
LINE: Final = 8  # numbers in a line of cache


@inlined
def fetch_next(
    rows: Table, devices: Table, series: npt.NDArray[np.int32], k: int, part_of_day: float
) -> None:
    """What the samples behind the k-th will need, each thing as early as memory is slow."""
    if k + AHEAD_FIRST < series.shape[0]:
        first = rows[int(series[k + AHEAD_FIRST])]
        fetched(first, 0)
        fetched(first, LINE - 1)
    if k + AHEAD < series.shape[0]:
        row = rows[int(series[k + AHEAD])]
        fetch_row(row, part_of_day)
        device = devices[int(row[col.DEVICE])]
        for column in range(0, col.D_OFTEN, LINE):
            fetched(device, column)
    if k + AHEAD_PHASE < series.shape[0]:
        row = rows[int(series[k + AHEAD_PHASE])]
        start = col.OFTEN if row[col.LEVEL + col.PHASE] == col.JUDGING else col.JUDGED
        # As many columns either way: seven of each judge.
        for column in range(0, col.JUDGED - col.OFTEN + 1, LINE):
            fetched(row, start + column)


@inlined
def fetch_row(row: Table, part_of_day: float) -> None:
    """What every sample needs of a row, and the bins of its profiles for this part of a day (0..1)."""
    for column in range(0, col.OFTEN + 1, LINE):
        fetched(row, column)
    fetched(row, col.DAY + int(part_of_day * col.DAY_BINS))
    fetched(row, col.BINS + int(part_of_day * col.PROFILE_BINS))

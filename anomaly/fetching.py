"""Having the processor load the rows of the next samples while it works on this one.

The table of many series is larger than the cache, and waiting for memory took more than half of a
sample's time. A hint to the processor: no result hangs on it, and uncompiled code gives none.
"""

from __future__ import annotations

from typing import Final

from anomaly import state as col
from anomaly.jit import fetched, inlined
from anomaly.state import Table

AHEAD: Final = 3  # samples: memory takes about as long as two of them do
LINE: Final = 8  # numbers in a line of cache


@inlined
def fetch_row(row: Table, part_of_day: float) -> None:
    """What most samples need of a row, and the bins of its profiles for this part of a day (0..1)."""
    for column in range(0, col.OFTEN + 1, LINE):
        fetched(row, column)
    fetched(row, col.DAY + int(part_of_day * col.DAY_BINS))
    fetched(row, col.BINS + int(part_of_day * col.PROFILE_BINS))

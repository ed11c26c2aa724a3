"""Which samples of a batch are surely new, decided without asking the store.

Most batches only bring samples newer than all before, and then no look-up is needed. What is not
newer than its series' newest sample is suspect, and the store checks just those.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def first_of_each(series: NDArray[np.int32], times_us: NDArray[np.int64]) -> NDArray[np.bool_]:
    """True where a (series, time) pair occurs for the first time within the batch. O(n log n)."""
    order = np.lexsort((times_us, series))  # stable: arrival order within equal keys
    sorted_series, sorted_times = series[order], times_us[order]
    repeated = np.zeros(len(series), dtype=np.bool_)
    repeated[order[1:]] = (sorted_series[1:] == sorted_series[:-1]) & (
        sorted_times[1:] == sorted_times[:-1]
    )
    novel: NDArray[np.bool_] = ~repeated
    return novel


def last_of_each(series: NDArray[np.int32], times_us: NDArray[np.int64]) -> NDArray[np.int64]:
    """Index of the newest sample of each series that occurs. O(n log n)."""
    order = np.lexsort((times_us, series))
    if not len(order):
        return order.astype(np.int64)
    ends = np.append(series[order[1:]] != series[order[:-1]], True)
    last: NDArray[np.int64] = order[ends]
    return last


class NewestTimes:
    """Newest stored time of every series, in microseconds, as one growing array."""

    _NEVER = np.iinfo(np.int64).min

    def __init__(self) -> None:
        self._newest_us = np.full(64, self._NEVER, dtype=np.int64)

    def grow_to(self, count: int) -> None:
        while len(self._newest_us) < count:
            more = np.full(len(self._newest_us), self._NEVER, dtype=np.int64)
            self._newest_us = np.concatenate((self._newest_us, more))

    def suspects(self, series: NDArray[np.int32], times_us: NDArray[np.int64]) -> NDArray[np.bool_]:
        """True where a sample is not newer than what is stored of its series."""
        suspects: NDArray[np.bool_] = times_us <= self._newest_us[series]
        return suspects

    def set(self, series: int, time_us: int) -> None:
        self.grow_to(series + 1)
        self._newest_us[series] = time_us

    def __getitem__(self, series: int) -> int | None:
        newest = int(self._newest_us[series])
        return None if newest == self._NEVER else newest

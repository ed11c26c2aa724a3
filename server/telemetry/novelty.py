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


class Newest:
    """Time (Unix microseconds) and value of every series' newest sample, as two growing arrays."""

    _NEVER = np.iinfo(np.int64).min

    def __init__(self) -> None:
        self._times_us = np.full(64, self._NEVER, dtype=np.int64)
        self._values = np.zeros(64, dtype=np.float64)

    def grow_to(self, count: int) -> None:
        if count > len(self._times_us):
            more = max(count, 2 * len(self._times_us)) - len(self._times_us)
            never = np.full(more, self._NEVER, dtype=np.int64)
            self._values = np.concatenate((self._values, np.zeros(more)))
            self._times_us = np.concatenate((self._times_us, never))

    def suspects(self, series: NDArray[np.int32], times_us: NDArray[np.int64]) -> NDArray[np.bool_]:
        """True where a sample is not newer than what is stored of its series."""
        suspects: NDArray[np.bool_] = times_us <= self._times_us[series]
        return suspects

    def note(
        self,
        series: NDArray[np.int32],
        times_us: NDArray[np.int64],
        values: NDArray[np.float64],
    ) -> None:
        """These are stored now, in whatever order; series below what `grow_to` was given."""
        last = last_of_each(series, times_us)
        last = last[times_us[last] > self._times_us[series[last]]]
        self._values[series[last]] = values[last]
        self._times_us[series[last]] = times_us[last]

    def set(self, series: int, time_us: int, value: float) -> None:
        self.grow_to(series + 1)
        self._values[series] = value
        self._times_us[series] = time_us

    def of(self, series: int) -> tuple[int, float] | None:
        """(time, value), or None before the first sample."""
        if series >= len(self._times_us) or self._times_us[series] == self._NEVER:
            return None
        return int(self._times_us[series]), float(self._values[series])

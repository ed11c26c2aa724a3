"""Up to when each series' raw samples and minutes are gone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

_NEVER = np.iinfo(np.int64).min
_LEVELS = 2


class Forgotten:
    """One growing array a level; written by the upkeep, read by everyone."""

    def __init__(self) -> None:
        self._until_us = [np.full(64, _NEVER, dtype=np.int64) for _ in range(_LEVELS)]

    def load(self, rows: Iterable[tuple[int, int, int]]) -> None:
        """Of (series, level, until_us)."""
        for series, level, until_us in rows:
            self.note(level, {series: until_us})

    def grow_to(self, count: int) -> None:
        for level, known in enumerate(self._until_us):
            if len(known) < count:
                more = np.full(max(count, len(known)), _NEVER, dtype=np.int64)
                self._until_us[level] = np.concatenate((known, more))

    def note(self, level: int, until_us: Mapping[int, int]) -> None:
        if until_us:
            self.grow_to(max(until_us) + 1)
        for series, time_us in until_us.items():
            known = self._until_us[level]
            known[series] = max(known[series], time_us)

    def covers(self, series: NDArray[np.int32], times_us: NDArray[np.int64]) -> NDArray[np.bool_]:
        """True where a sample is of a time whose raw samples are gone."""
        gone: NDArray[np.bool_] = times_us < self._until_us[0][series]
        return gone

    def of(self, series: int) -> dict[int, int]:
        """Level → time before which nothing of it is left."""
        if series >= len(self._until_us[0]):
            return {}
        found = {level: int(known[series]) for level, known in enumerate(self._until_us)}
        return {level: until_us for level, until_us in found.items() if until_us != _NEVER}

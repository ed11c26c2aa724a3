"""Hourly means of a device's metrics over its days: what is judged by days, beside the stream."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

HOUR_S: Final = 3600.0
DAY_HOURS: Final = 24
LEARN_DAYS: Final = (14, 28)
"""After so many days what is usual is learned, and learned again; then it stands until a new baseline."""
WHOLE_DAY_HOURS: Final = 18
"""So many hours must be known of a day that is judged."""
MOST_METRICS: Final = 64
"""Of a device with more, the first that the caller names."""


@dataclass(frozen=True, slots=True)
class Hours:
    """Hourly means of one device: `table[h, m]` of hour `first + h` (hours since 1970), NaN where none."""

    metrics: tuple[str, ...]
    first: int
    table: Floats

    @classmethod
    def of(cls, metrics: Sequence[str], means: Mapping[int, Floats]) -> Hours:
        """From hour → means (metrics,)."""
        if not means:
            return cls(tuple(metrics), 0, np.empty((0, len(metrics))))
        first = min(means) // DAY_HOURS * DAY_HOURS
        last = max(means) // DAY_HOURS * DAY_HOURS + DAY_HOURS
        table = np.full((last - first, len(metrics)), np.nan)
        for hour, row in means.items():
            table[hour - first] = row
        return cls(tuple(metrics), first, table)

"""Shapes of samples on their way into and out of a store. Columns, not rows: the hot path is arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class SeriesKey(NamedTuple):
    """One metric of one device."""

    device_id: str
    metric: str


@dataclass(frozen=True, slots=True)
class SampleBatch:
    """Samples in arrival order; the three columns have one length, n.

    series : int32[n], ids from `TelemetryStore.series_id`
    times_s : float64[n], Unix seconds of the sample's own time
    values : float64[n], finite
    """

    series: NDArray[np.int32]
    times_s: NDArray[np.float64]
    values: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.series)

    def part(self, start: int, stop: int) -> SampleBatch:
        """Samples start..stop-1, as views of the same arrays."""
        return SampleBatch(
            self.series[start:stop], self.times_s[start:stop], self.values[start:stop]
        )


@dataclass(frozen=True, slots=True)
class Appended:
    """What `append` did with a batch: every sample is stored, a duplicate, or expired.

    expired : of a time whose samples the store has forgotten already
    """

    stored: int
    duplicates: int
    expired: int = 0


@dataclass(frozen=True, slots=True)
class Latest:
    """The newest sample of a series by its own time."""

    metric: str
    unit: str
    time_s: float
    value: float


@dataclass(frozen=True, slots=True)
class Buckets:
    """A series over a range, at most as many buckets as asked for; empty buckets are left out.

    times_s : time of each bucket's first sample; min, mean, max, count : over the bucket
    """

    times_s: NDArray[np.float64]
    minimum: NDArray[np.float64]
    mean: NDArray[np.float64]
    maximum: NDArray[np.float64]
    count: NDArray[np.int64]

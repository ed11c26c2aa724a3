"""The port to telemetry storage. One contract suite (tests/server/telemetry) runs over every adapter.

Order: `series_id` for each new key, `append` with the position of the batch's last message, and only
then may that position be acknowledged. One thread appends; any thread reads.
"""

from __future__ import annotations

from typing import Protocol

from server.telemetry.samples import Appended, Buckets, Latest, SampleBatch, SeriesKey

MAX_POINTS = 5_000
"""More buckets than a screen has pixels are refused."""


class TelemetryStore(Protocol):
    def series_id(self, key: SeriesKey, unit: str) -> int:
        """The series' number, given out at first sight; durable with the first batch that uses it.

        `unit` is SenML's; "" leaves a known unit as it is.
        """
        ...

    def append(self, batch: SampleBatch, *, stream: str, position: int) -> Appended:
        """Store `batch` and that `stream` is stored up to `position`, both or neither, on disk.

        A sample whose series already has one at the same time (to the microsecond) is a duplicate.
        """
        ...

    def position(self, stream: str) -> int:
        """Last position of `stream` whose samples are stored; 0 for a stream never seen."""
        ...

    def metrics(self, device_id: str) -> dict[str, str]:
        """Metric name to unit, of one device."""
        ...

    def latest(self, device_id: str) -> list[Latest]:
        """Newest value of each metric of a device, by metric name."""
        ...

    def query(self, key: SeriesKey, *, from_s: float, to_s: float, points: int = 1_000) -> Buckets:
        """Samples in [from_s, to_s) in at most `points` equal buckets.

        Raises ValueError for an empty range or `points` outside 1..MAX_POINTS.
        """
        ...

    def drop_before(self, time_s: float, *, metric: str | None = None) -> int:
        """Forget samples older than `time_s` (of one metric, or of all); returns how many."""
        ...

    def count(self, device_id: str | None = None) -> int:
        """Samples stored, of one device or of all."""
        ...

    def close(self) -> None: ...


def bucket_width_us(from_us: int, to_us: int, points: int) -> int:
    """Width that covers the range in at most `points` buckets, whole microseconds."""
    if to_us <= from_us:
        raise ValueError("the range is empty: `to` must be later than `from`")
    if not 1 <= points <= MAX_POINTS:
        raise ValueError(f"points must be 1..{MAX_POINTS}")
    return -(-(to_us - from_us) // points)


def to_us(time_s: float) -> int:
    """Unix microseconds, the resolution at which two samples are the same."""
    return round(time_s * 1e6)

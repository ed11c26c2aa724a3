"""The port to telemetry storage. One contract suite (tests/server/telemetry) runs over every adapter.

Order: `series_id` for each new key, `append` with the position of the batch's last message, `sync`, and
only then may that position be acknowledged. One thread appends and syncs; any thread reads.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from server.telemetry.grid import MAX_POINTS, Grid, to_us
from server.telemetry.samples import Appended, Buckets, Latest, SampleBatch, SeriesKey

__all__ = ["MAX_POINTS", "Capabilities", "Frozen", "Grid", "TelemetryStore", "to_us"]


@dataclass(frozen=True, slots=True)
class Capabilities:
    """In what adapters differ; everything else holds for all of them.

    resolution_us : two samples of a series within one such step are the same sample
    significant_digits : of a value, as it comes back
    forgets_when_asked : `forget` works; where not, the store has a retention of its own
    partition_s : what is too old is forgotten so much later at most
    summarises : over what `forget` took, `query` still answers with whole minutes, hours or days
    own_file : the store is a file that one process may open
    """

    resolution_us: int = 1
    significant_digits: int = 17
    forgets_when_asked: bool = True
    partition_s: int = 0
    summarises: bool = False
    own_file: bool = False


class Frozen(Protocol):
    """One moment of a store: goes on seeing it, and must be closed."""

    def copy(self, tell: Callable[[float], None]) -> None:
        """Write the copy; `tell` hears the share done, 0..1. In any one thread."""
        ...

    def close(self) -> None: ...


class TelemetryStore(Protocol):
    @property
    def capabilities(self) -> Capabilities: ...

    def series_id(self, key: SeriesKey, unit: str) -> int:
        """The series' number, given out at first sight, the same for as long as the store is open.

        `unit` is SenML's; "" leaves a known unit as it is.
        """
        ...

    def append(self, batch: SampleBatch, *, stream: str, position: int) -> Appended:
        """Store `batch`, the samples of `stream` up to `position`.

        A sample whose series already has one at the same time (to the resolution) is a duplicate.
        After an exception nothing, a part or all of it may be stored: ask `position` and go on from
        there, with the same samples.
        """
        ...

    def sync(self, stream: str) -> None:
        """When it returns, what was appended of `stream` is on disk and seen by reads, its position too.

        Raises StoreRestarted when that can't be known: go on as after a failed `append`.
        """
        ...

    def position(self, stream: str) -> int:
        """Up to here all samples of `stream` are stored for sure; 0 for a stream never seen.

        Never ahead of what is on disk; behind the last `sync` only if the store itself was killed
        since, and what comes again is recognised. Whoever starts to append a stream, or starts again,
        asks first: the adapter then forgets what it believed about the store.
        """
        ...

    def metrics(self, device_id: str) -> dict[str, str]:
        """Metric name to unit, of one device."""
        ...

    def latest(self, device_id: str) -> list[Latest]:
        """Newest value of each metric of a device, by metric name."""
        ...

    def query(self, key: SeriesKey, *, from_s: float, to_s: float, points: int = 1_000) -> Buckets:
        """Samples in [from_s, to_s) in at most `points` equal buckets (`Grid`).

        Raises ValueError for an empty range or `points` outside 1..MAX_POINTS.
        """
        ...

    def upkeep(self, now_s: float) -> None:
        """Work that makes later reads quick: call it every some seconds, beside the appends."""
        ...

    def forget(self, now_s: float) -> int:
        """Forget raw samples that are older than their metric's `Retention`; returns how many.

        None younger is; an older one may wait until its partition of time is over, for at most
        `capabilities.partition_s`. Raises StoreCantForget where `forgets_when_asked` is false.
        """
        ...

    def freeze(self, file: Path) -> Frozen | None:
        """The store at this moment, to be copied into `file`; None where it is a server of its own."""
        ...

    def count(self, device_id: str | None = None) -> int:
        """Samples stored, of one device or of all."""
        ...

    def close(self) -> None: ...

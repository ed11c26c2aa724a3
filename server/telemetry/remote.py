"""A telemetry store on a server without transactions: the rules of exactly-once, once for all of them.

Samples first, position later: the position is written at `sync`, after everything before it is on disk.
So a position may be behind the samples, never ahead, and a batch that comes again must be recognised.
What is newer than all that is known of its series is new; the few others are looked up.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from server.telemetry.errors import StoreCantForget, StoreRestarted
from server.telemetry.grid import Grid
from server.telemetry.line_protocol import series_prefix
from server.telemetry.novelty import Newest as NewestSamples
from server.telemetry.novelty import first_of_each
from server.telemetry.samples import Appended, Buckets, Latest, SampleBatch, SeriesKey
from server.telemetry.store import Capabilities

ANNOUNCE_EVERY_S: Final = 86_400
"""Series are named again so often: a store that forgets by age must not forget the living."""
_CLOSE_TOGETHER_US: Final = 3_600_000_000
"""Suspects of a device no further apart are looked up in one request."""


class Newest(NamedTuple):
    """The newest sample of a series."""

    key: SeriesKey
    time_us: int
    value: float


class Backend(Protocol):
    """What a server must be able to do. Every method may raise StoreUnavailable."""

    @property
    def capabilities(self) -> Capabilities: ...
    @property
    def measurement(self) -> str: ...

    def begin(self) -> str:
        """All that was written is seen by reads from now on; which run of the server this is."""

    def write(
        self, prefixes: Sequence[str], times_us: Sequence[int], values: Sequence[float]
    ) -> None: ...
    def make_durable(self) -> str:
        """All writes of this run of the server are on disk and seen by reads; which run it is."""

    def announce(self, series: Iterable[tuple[SeriesKey, str]]) -> None:
        """Keep the names and units of series."""

    def units(self, device_ids: Sequence[str]) -> Mapping[SeriesKey, str]:
        """What was announced last."""

    def newest(self, device_ids: Sequence[str]) -> Sequence[Newest]: ...
    def times(self, device_id: str, from_us: int, to_us: int) -> Mapping[str, NDArray[np.int64]]:
        """Stored times in [from_us, to_us] by metric."""

    def buckets(self, key: SeriesKey, grid: Grid) -> Buckets: ...
    def count(self, device_id: str | None) -> int: ...
    def position(self, stream: str) -> int: ...
    def write_position(self, stream: str, position: int) -> None: ...
    def close(self) -> None: ...


class RemoteTelemetryStore:
    """The port over a `Backend`; several processes may share one server, each with streams of its own."""

    def __init__(self, backend: Backend, *, now_s: Callable[[], float] = time.time) -> None:
        self._backend = backend
        self._now_s = now_s
        self._step_us = backend.capabilities.resolution_us
        self._lock = threading.RLock()
        self._numbers: dict[SeriesKey, int] = {}
        self._keys: list[SeriesKey] = [SeriesKey("", "")]
        self._prefixes: list[str] = [""]
        self._units: dict[SeriesKey, str] = {}
        self._announced_s: dict[SeriesKey, float] = {}
        self._newest = NewestSamples()
        self._loaded_devices: set[str] = set()
        self._appended: dict[str, int] = {}
        self._runs: dict[str, str] = {}
        self._not_on_disk: set[str] = set()
        """Streams with samples that were written since all was last made durable."""

    @property
    def capabilities(self) -> Capabilities:
        return self._backend.capabilities

    def series_id(self, key: SeriesKey, unit: str) -> int:
        with self._lock:
            number = self._numbers.get(key)
            if number is None:
                number = self._numbers[key] = len(self._keys)
                self._keys.append(key)
                self._prefixes.append(series_prefix(self._backend.measurement, key))
                self._newest.grow_to(number + 1)
            if unit and self._units.get(key) != unit:
                self._units[key] = unit
                self._announced_s.pop(key, None)
            return number

    def append(self, batch: SampleBatch, *, stream: str, position: int) -> Appended:
        with self._lock:
            return self._append(batch, stream, position)

    def _append(self, batch: SampleBatch, stream: str, position: int) -> Appended:
        if stream not in self._runs:
            self._runs[stream] = self._backend.begin()
        times_us = np.rint(batch.times_s * (1e6 / self._step_us)).astype(np.int64) * self._step_us
        keep = first_of_each(batch.series, times_us)
        used = np.unique(batch.series).tolist()
        self._load({self._keys[number].device_id for number in used})
        suspects = np.flatnonzero(keep & self._newest.suspects(batch.series, times_us))
        keep[suspects] = ~self._stored(batch.series[suspects], times_us[suspects])
        series, times_us, values = batch.series[keep], times_us[keep], batch.values[keep]
        self._announce(used)
        if len(series):
            prefixes = [self._prefixes[number] for number in series.tolist()]
            self._backend.write(prefixes, times_us.tolist(), values.tolist())
            self._newest.note(series, times_us, values)
        if len(batch):  # also what was there already: it may lie in the server's memory
            self._not_on_disk.add(stream)
        self._appended[stream] = position
        return Appended(stored=int(keep.sum()), duplicates=int(len(keep) - keep.sum()))

    def _load(self, device_ids: set[str]) -> None:
        """What the store knows of devices that this process has not written for yet."""
        unknown = sorted(device_ids - self._loaded_devices)
        if not unknown:
            return
        for key, unit in self._backend.units(unknown).items():
            if self._units.setdefault(key, unit) == unit:
                self._announced_s.setdefault(key, self._now_s())
        for key, time_us, value in self._backend.newest(unknown):
            self._newest.set(self.series_id(key, ""), time_us, value)
        self._loaded_devices.update(unknown)

    def _announce(self, numbers: Iterable[int]) -> None:
        now_s = self._now_s()
        keys = [self._keys[number] for number in numbers]
        due = [k for k in keys if now_s - self._announced_s.get(k, 0.0) >= ANNOUNCE_EVERY_S]
        if due:
            self._backend.announce([(key, self._units.setdefault(key, "")) for key in due])
            self._announced_s.update(dict.fromkeys(due, now_s))

    def _stored(self, series: NDArray[np.int32], times_us: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which of these (series, time) pairs the store has."""
        stored = np.zeros(len(series), dtype=np.bool_)
        by_device: dict[str, list[int]] = {}
        for row, number in enumerate(series.tolist()):
            by_device.setdefault(self._keys[number].device_id, []).append(row)
        for device_id, rows in by_device.items():
            for part in _clusters(np.array(rows), times_us):
                found = self._backend.times(
                    device_id, int(times_us[part].min()), int(times_us[part].max())
                )
                for number in np.unique(series[part]).tolist():
                    mine = part[series[part] == number]
                    there = found.get(self._keys[number].metric)
                    if there is not None:
                        stored[mine] = np.isin(times_us[mine], there)
        return stored

    def sync(self, stream: str) -> None:
        with self._lock:
            if stream not in self._appended:
                return
            if stream in self._not_on_disk:
                self._make_durable()
            if stream in self._not_on_disk:
                raise StoreRestarted(
                    "the telemetry store restarted; what it had not on disk yet is sent again"
                )
            self._backend.write_position(stream, self._appended.pop(stream))

    def _make_durable(self) -> None:
        """For all streams at once: a snapshot is too dear to be asked for by each."""
        run = self._backend.make_durable()
        self._not_on_disk = {s for s in self._not_on_disk if self._runs[s] != run}

    def position(self, stream: str) -> int:
        with self._lock:
            self._runs[stream] = self._backend.begin()
            self._appended.pop(stream, None)
            self._not_on_disk.discard(stream)
            self._loaded_devices.clear()
            self._announced_s.clear()
            return self._backend.position(stream)

    def metrics(self, device_id: str) -> dict[str, str]:
        known = {key.metric: unit for key, unit in self._backend.units([device_id]).items()}
        with self._lock:
            ours = [(k.metric, u) for k, u in self._units.items() if k.device_id == device_id]
        return dict(sorted((known | {metric: unit for metric, unit in ours if unit}).items()))

    def latest(self, device_id: str) -> list[Latest]:
        units = self.metrics(device_id)
        return [
            Latest(key.metric, units.get(key.metric, ""), time_us / 1e6, value)
            for key, time_us, value in sorted(self._backend.newest([device_id]))
        ]

    def query(self, key: SeriesKey, *, from_s: float, to_s: float, points: int = 1_000) -> Buckets:
        grid = Grid.of(from_s, to_s, points, resolution_us=self._step_us)
        return self._backend.buckets(key, grid)

    def upkeep(self, now_s: float) -> None:
        """The server does its own."""

    def forget(self, now_s: float) -> int:  # noqa: ARG002
        raise StoreCantForget(
            "this store forgets by a retention of its own; set it there, not in forewarn.toml"
        )

    def freeze(self, file: Path) -> None:
        """The server has backups of its own."""

    def count(self, device_id: str | None = None) -> int:
        return self._backend.count(device_id)

    def close(self) -> None:
        self._backend.close()


def _clusters(rows: NDArray[np.int64], times_us: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """`rows` in order of time, parted where nothing happens for long."""
    rows = rows[np.argsort(times_us[rows], kind="stable")]
    gaps = np.flatnonzero(np.diff(times_us[rows]) > _CLOSE_TOGETHER_US)
    return np.split(rows, gaps + 1)

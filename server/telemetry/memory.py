"""Telemetry in memory: for tests and trials; the obvious implementation the others are held against."""

from __future__ import annotations

import threading
from collections import defaultdict
from pathlib import Path

import numpy as np

from server.telemetry.grid import Grid, to_us
from server.telemetry.retention import Retention
from server.telemetry.samples import Appended, Buckets, Latest, SampleBatch, SeriesKey
from server.telemetry.store import Capabilities


class MemoryTelemetryStore:
    """Keeps everything in dictionaries; forgets it when closed."""

    capabilities = Capabilities()

    def __init__(self, retention: Retention | None = None) -> None:
        self._retention = retention or Retention()
        self._ids: dict[SeriesKey, int] = {}
        self._units: dict[SeriesKey, str] = {}
        self._samples: dict[int, dict[int, float]] = defaultdict(dict)
        self._positions: dict[str, int] = {}
        self._lock = threading.RLock()

    def series_id(self, key: SeriesKey, unit: str) -> int:
        with self._lock:
            if unit or key not in self._units:
                self._units[key] = unit
            return self._ids.setdefault(key, len(self._ids) + 1)

    def append(self, batch: SampleBatch, *, stream: str, position: int) -> Appended:
        stored = 0
        with self._lock:
            for series, time_s, value in zip(
                batch.series.tolist(), batch.times_s.tolist(), batch.values.tolist(), strict=True
            ):
                of_series = self._samples[series]
                if to_us(time_s) not in of_series:
                    of_series[to_us(time_s)] = value
                    stored += 1
            self._positions[stream] = position
        return Appended(stored=stored, duplicates=len(batch) - stored)

    def sync(self, stream: str) -> None:
        pass

    def position(self, stream: str) -> int:
        return self._positions.get(stream, 0)

    def metrics(self, device_id: str) -> dict[str, str]:
        with self._lock:
            return {k.metric: u for k, u in sorted(self._units.items()) if k.device_id == device_id}

    def latest(self, device_id: str) -> list[Latest]:
        with self._lock:
            newest = []
            for metric, unit in self.metrics(device_id).items():
                samples = self._samples[self._ids[SeriesKey(device_id, metric)]]
                if samples:
                    time_us = max(samples)
                    newest.append(Latest(metric, unit, time_us / 1e6, samples[time_us]))
            return newest

    def query(self, key: SeriesKey, *, from_s: float, to_s: float, points: int = 1_000) -> Buckets:
        grid = Grid.of(from_s, to_s, points)
        buckets: dict[int, list[tuple[int, float]]] = defaultdict(list)
        with self._lock:
            for time_us, value in sorted(self._samples[self._ids.get(key, 0)].items()):
                if grid.from_us <= time_us < grid.until_us:
                    number = (time_us - grid.origin_us) // grid.width_us
                    buckets[number].append((time_us, value))
        rows = [buckets[number] for number in sorted(buckets)]
        return Buckets(
            times_s=np.array([row[0][0] / 1e6 for row in rows], dtype=np.float64),
            minimum=np.array([min(v for _, v in row) for row in rows], dtype=np.float64),
            mean=np.array([sum(v for _, v in row) / len(row) for row in rows], dtype=np.float64),
            maximum=np.array([max(v for _, v in row) for row in rows], dtype=np.float64),
            count=np.array([len(row) for row in rows], dtype=np.int64),
        )

    def upkeep(self, now_s: float) -> None:
        pass

    def forget(self, now_s: float) -> int:
        dropped = 0
        with self._lock:
            for key, series in self._ids.items():
                oldest_us = to_us(now_s - self._retention.seconds(key.metric))
                old = [t for t in self._samples[series] if t < oldest_us]
                for time_us in old:
                    del self._samples[series][time_us]
                dropped += len(old)
        return dropped

    def freeze(self, file: Path) -> None:
        pass

    def count(self, device_id: str | None = None) -> int:
        with self._lock:
            return sum(
                len(self._samples[series])
                for key, series in self._ids.items()
                if device_id in (None, key.device_id)
            )

    def close(self) -> None:
        self._samples.clear()

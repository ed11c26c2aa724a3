"""A server ends while pages and timers still read: the store closes in order, and says so to who comes later."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from server.telemetry.duckdb import DuckDbTelemetryStore
from server.telemetry.errors import StoreUnavailable
from server.telemetry.readers import Readers
from server.telemetry.samples import SeriesKey

KEY = SeriesKey("d", "m")


class Reader(threading.Thread):
    """Reads until it is refused; `end` is what it was told."""

    def __init__(self, store: DuckDbTelemetryStore, begun: threading.Barrier) -> None:
        super().__init__()
        self._store, self._begun = store, begun
        self.end: Exception | None = None

    def run(self) -> None:
        self._begun.wait()
        try:
            while True:
                self._store.query(KEY, from_s=0.0, to_s=1e9, points=10)
        except Exception as error:  # noqa: BLE001 - whatever it is, the test wants to see it
            self.end = error


def test_closing_waits_for_readers_and_refuses_later_ones(tmp_path: Path) -> None:
    for turn in range(10):
        store, begun = DuckDbTelemetryStore(tmp_path / f"{turn}.duckdb"), threading.Barrier(4)
        store.series_id(KEY, "V")
        readers = [Reader(store, begun) for _ in range(3)]
        for reader in readers:
            reader.start()
        begun.wait()
        store.close()
        for reader in readers:
            reader.join(60)
        ends = [reader.end for reader in readers]
        assert all(isinstance(end, StoreUnavailable) for end in ends), ends


def test_who_does_not_leave_is_not_waited_for() -> None:
    readers = Readers()
    with readers.one():
        assert not readers.close(wait_s=0.01)
        with pytest.raises(StoreUnavailable, match="ending"), readers.one():
            pass
    assert readers.close(wait_s=0.01)

"""Telemetry in one DuckDB file: the embedded default.

The table is appended to in arrival order without an index: DuckDB's min/max of each row group finds a
time range, and an index over every sample would cost more than all the rest. Uniqueness of
(series, time) is kept by `novelty`: only what is not newer than its series' newest sample is looked up.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from server.kit.errors import Conflict
from server.telemetry.grid import Grid, to_us
from server.telemetry.novelty import NewestTimes, first_of_each, last_of_each
from server.telemetry.samples import Appended, Buckets, Latest, SampleBatch, SeriesKey
from server.telemetry.store import Capabilities

_SCHEMA = """
CREATE TABLE IF NOT EXISTS series (
    id INTEGER NOT NULL, device_id VARCHAR NOT NULL, metric VARCHAR NOT NULL, unit VARCHAR NOT NULL);
CREATE TABLE IF NOT EXISTS sample (
    series INTEGER NOT NULL, time_us BIGINT NOT NULL, value DOUBLE NOT NULL);
CREATE TABLE IF NOT EXISTS stream_position (stream VARCHAR NOT NULL, position BIGINT NOT NULL);
"""

_QUERY = """
SELECT min(time_us), min(value), avg(value), max(value), count(*)
FROM sample WHERE series = ? AND time_us >= ? AND time_us < ?
GROUP BY (time_us - ?) // ? ORDER BY 1
"""

MEMORY_LIMIT_MB = 512
"""What DuckDB may use for queries and buffers; beyond it spills to disk beside the file."""


def _connected(file: Path) -> duckdb.DuckDBPyConnection:
    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": f"{MEMORY_LIMIT_MB}MB",
        "threads": 2,
        "preserve_insertion_order": False,
    }
    try:
        return duckdb.connect(str(file), config=config)
    except duckdb.IOException as error:
        if "lock" not in str(error):
            raise
        raise Conflict(
            "a running server has the telemetry open: stop it, or ask it through its API"
        ) from error


class DuckDbTelemetryStore:
    """One process opens the file (else Conflict); appends come from one thread, reads from any."""

    capabilities = Capabilities(own_file=True)

    def __init__(self, file: Path) -> None:
        self._connection = _connected(file)
        self._connection.execute(_SCHEMA)
        self._lock = threading.Lock()
        self._series: dict[SeriesKey, int] = {}
        self._units: dict[int, str] = {}
        self._unsaved: list[tuple[int, str, str, str]] = []
        self._changed_units: set[int] = set()
        self._newest = NewestTimes()
        self._newest_values: dict[int, float] = {}
        self._load()

    def _load(self) -> None:
        for number, device_id, metric, unit in self._rows("SELECT * FROM series"):
            self._series[SeriesKey(device_id, metric)] = number
            self._units[number] = unit
        self._newest.grow_to(len(self._series) + 1)
        newest = "SELECT series, max(time_us), arg_max(value, time_us) FROM sample GROUP BY series"
        for number, time_us, value in self._rows(newest):
            self._newest.set(number, time_us)
            self._newest_values[number] = value

    def series_id(self, key: SeriesKey, unit: str) -> int:
        known = self._series.get(key)
        if known is not None and (not unit or self._units[known] == unit):
            return known
        with self._lock:
            number = self._series.setdefault(key, len(self._series) + 1)
            self._units[number] = unit
            if known is None:
                self._unsaved.append((number, key.device_id, key.metric, unit))
                self._newest.grow_to(number + 1)
            else:
                self._changed_units.add(number)
        return number

    def append(self, batch: SampleBatch, *, stream: str, position: int) -> Appended:
        times_us = np.rint(batch.times_s * 1e6).astype(np.int64)
        keep = first_of_each(batch.series, times_us)
        suspects = keep & self._newest.suspects(batch.series, times_us)
        if suspects.any():
            keep[suspects] = ~self._stored(batch.series[suspects], times_us[suspects])
        series, times_us, values = batch.series[keep], times_us[keep], batch.values[keep]
        rows: dict[str, NDArray[Any]] = {"series": series, "time_us": times_us, "value": values}
        self._commit(rows, stream, position)
        self._note_newest(series, times_us, values)
        return Appended(stored=int(keep.sum()), duplicates=int(len(keep) - keep.sum()))

    def _commit(self, rows: dict[str, NDArray[Any]], stream: str, position: int) -> None:
        with self._lock:
            unsaved, self._unsaved = self._unsaved, []
            units, self._changed_units = self._changed_units, set()
        connection = self._connection
        connection.begin()
        try:
            if unsaved:
                connection.executemany("INSERT INTO series VALUES (?, ?, ?, ?)", unsaved)
            for number in units:
                connection.execute(
                    "UPDATE series SET unit = ? WHERE id = ?", [self._units[number], number]
                )
            if len(rows["series"]):
                connection.execute("INSERT INTO sample SELECT series, time_us, value FROM rows")
            connection.execute("DELETE FROM stream_position WHERE stream = ?", [stream])
            connection.execute("INSERT INTO stream_position VALUES (?, ?)", [stream, position])
            connection.commit()
        except BaseException:
            connection.rollback()
            with self._lock:
                self._unsaved = unsaved + self._unsaved
                self._changed_units |= units
            raise

    def _stored(self, series: NDArray[np.int32], times_us: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which of these (series, time) pairs are on disk already."""
        asked: dict[str, NDArray[Any]] = {  # noqa: F841 - DuckDB reads it under this name
            "row": np.arange(len(series), dtype=np.int64),
            "series": series,
            "time_us": times_us,
        }
        found = self._connection.execute(
            "SELECT asked.row FROM asked SEMI JOIN ("
            "  SELECT series, time_us FROM sample WHERE time_us BETWEEN ? AND ?"
            ") s ON asked.series = s.series AND asked.time_us = s.time_us",
            [int(times_us.min()), int(times_us.max())],
        ).fetchnumpy()["row"]
        stored = np.zeros(len(series), dtype=np.bool_)
        stored[found] = True
        return stored

    def _note_newest(
        self,
        series: NDArray[np.int32],
        times_us: NDArray[np.int64],
        values: NDArray[np.float64],
    ) -> None:
        last = last_of_each(series, times_us)
        for number, time_us, value in zip(
            series[last].tolist(), times_us[last].tolist(), values[last].tolist(), strict=True
        ):
            newest = self._newest[number]
            if newest is None or time_us > newest:
                self._newest.set(number, time_us)
                self._newest_values[number] = value

    def sync(self, stream: str) -> None:
        """Nothing is left to do: `append` commits."""

    def position(self, stream: str) -> int:
        rows = self._rows("SELECT position FROM stream_position WHERE stream = ?", [stream])
        return int(rows[0][0]) if rows else 0

    def metrics(self, device_id: str) -> dict[str, str]:
        with self._lock:
            return {
                key.metric: self._units[number]
                for key, number in sorted(self._series.items())
                if key.device_id == device_id
            }

    def latest(self, device_id: str) -> list[Latest]:
        newest = []
        for metric, unit in self.metrics(device_id).items():
            number = self._series[SeriesKey(device_id, metric)]
            time_us = self._newest[number]
            if time_us is not None and number in self._newest_values:
                newest.append(Latest(metric, unit, time_us / 1e6, self._newest_values[number]))
        return newest

    def query(self, key: SeriesKey, *, from_s: float, to_s: float, points: int = 1_000) -> Buckets:
        grid = Grid.of(from_s, to_s, points)
        number = self._series.get(key, 0)
        rows = self._rows(
            _QUERY, [number, grid.from_us, grid.until_us, grid.origin_us, grid.width_us]
        )
        columns = list(zip(*rows, strict=True)) or [()] * 5
        return Buckets(
            times_s=np.array(columns[0], dtype=np.float64) / 1e6,
            minimum=np.array(columns[1], dtype=np.float64),
            mean=np.array(columns[2], dtype=np.float64),
            maximum=np.array(columns[3], dtype=np.float64),
            count=np.array(columns[4], dtype=np.int64),
        )

    def drop_before(self, time_s: float, *, metric: str | None = None) -> int:
        where = "time_us < ?"
        values: list[object] = [to_us(time_s)]
        if metric is not None:
            numbers = [n for key, n in self._series.items() if key.metric == metric]
            where += " AND list_contains(?, series)"
            values.append(numbers)
        rows = self._rows(f"DELETE FROM sample WHERE {where}", values)  # noqa: S608
        return int(rows[0][0])

    def count(self, device_id: str | None = None) -> int:
        if device_id is None:
            return int(self._rows("SELECT count(*) FROM sample")[0][0])
        numbers = [n for key, n in self._series.items() if key.device_id == device_id]
        counted = "SELECT count(*) FROM sample WHERE list_contains(?, series)"
        return int(self._rows(counted, [numbers])[0][0])

    def close(self) -> None:
        self._connection.close()

    def _rows(self, sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Run on a cursor of its own, so that reads never wait behind the writer's transaction."""
        with self._connection.cursor() as cursor:
            return cursor.execute(sql, list(values)).fetchall()

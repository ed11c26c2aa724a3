"""Telemetry in one DuckDB file: the embedded default. `segments` says how the file is laid out.

Samples are appended in arrival order without an index: DuckDB's min/max of each row group finds a time
range, and an index over every sample would cost more than all the rest. Uniqueness of (series, time) is
kept by `novelty`: only what is not newer than its series' newest sample is looked up.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from server.kit.errors import Conflict
from server.telemetry import segments as layout
from server.telemetry.copying import FrozenFile
from server.telemetry.first_layout import adopt
from server.telemetry.forgetting import Forgotten
from server.telemetry.grid import Grid
from server.telemetry.novelty import Newest, first_of_each
from server.telemetry.readers import Readers
from server.telemetry.reading import statement
from server.telemetry.retention import Retention
from server.telemetry.rolling import FULL_ROWS, transaction
from server.telemetry.samples import Appended, Buckets, Latest, SampleBatch, SeriesKey
from server.telemetry.segments import Segment
from server.telemetry.series_book import SeriesBook
from server.telemetry.store import Capabilities
from server.telemetry.upkeep import Upkeep

MEMORY_LIMIT_MB = 512
"""What DuckDB may use for queries and buffers; beyond it spills to disk beside the file."""

_Rows = dict[str, NDArray[Any]]


def _connected(file: Path) -> duckdb.DuckDBPyConnection:
    try:
        return duckdb.connect(
            str(file), config={"memory_limit": f"{MEMORY_LIMIT_MB}MB", "threads": 2}
        )
    except duckdb.IOException as error:
        if "lock" not in str(error):
            raise
        raise Conflict(
            "a running server has the telemetry open: stop it, or ask it through its API"
        ) from error


class DuckDbTelemetryStore:
    """One process opens the file (else Conflict); one thread appends, one does the upkeep, any thread reads."""

    capabilities = Capabilities(partition_s=7 * 86_400, summarises=True, own_file=True)

    def __init__(
        self, file: Path, retention: Retention | None = None, *, full_rows: int = FULL_ROWS
    ) -> None:
        self._connection = _connected(file)
        self._connection.execute(layout.SCHEMA)
        self._readers = Readers()
        self._retention = retention or Retention()
        self._series = SeriesBook(self._retention.seconds)
        self._newest = Newest()
        self._forgotten = Forgotten()
        # Held while rows are committed to open segments, or a segment is closed to new rows.
        self._writing = threading.Lock()
        self._open: dict[tuple[int, int, int], Segment] = {}
        self._last_segment = 0
        self._numbering = threading.Lock()
        self._upkeep = Upkeep(
            self._connection.cursor(),
            self._retention,
            self._forgotten,
            writing=self._writing,
            open_segments=self._open,
            new_id=self._new_id,
            full_rows=full_rows,
        )
        self._load()

    def _load(self) -> None:
        self._series.load(self._rows("SELECT id, device_id, metric, unit FROM series"))
        self._newest.grow_to(len(self._series) + 1)
        self._forgotten.grow_to(len(self._series) + 1)
        self._last_segment = max((s.id for s in layout.read_all(self._connection)), default=0)
        kept_s = {n: int(self._series.kept_s[n]) for n in self._series.of(None)}
        adopt(self._connection, kept_s, self._new_id)
        raw = [s for s in layout.read_all(self._connection) if s.level == 0]
        self._open.update(layout.newest_open(raw))
        self._forgotten.load(self._rows("SELECT * FROM forgotten"))
        fresh = [
            f"SELECT series, time_us, value FROM {s.table} WHERE rowid >= {s.rolled}"  # noqa: S608
            for s in raw
            if not s.is_sorted
        ]
        union = " UNION ALL ".join(["SELECT * FROM newest", *fresh])
        for number, time_us, value in self._rows(
            f"SELECT series, max(time_us), arg_max(value, time_us) FROM ({union}) GROUP BY series"  # noqa: S608
        ):
            self._newest.set(number, time_us, value)

    def series_id(self, key: SeriesKey, unit: str) -> int:
        number = self._series.number(key, unit)
        self._newest.grow_to(number + 1)
        self._forgotten.grow_to(number + 1)
        return number

    def append(self, batch: SampleBatch, *, stream: str, position: int) -> Appended:
        times_us = np.rint(batch.times_s * 1e6).astype(np.int64)
        keep = first_of_each(batch.series, times_us)
        suspects = keep & self._newest.suspects(batch.series, times_us)
        expired = 0
        if suspects.any():
            # Their duplicates could not be told any more, and they would be forgotten at once.
            gone = suspects & self._forgotten.covers(batch.series, times_us)
            expired = int(gone.sum())
            keep &= ~gone
            suspects &= ~gone
            if suspects.any():
                keep[suspects] = ~self._stored(batch.series[suspects], times_us[suspects])
        series, times_us, values = batch.series[keep], times_us[keep], batch.values[keep]
        self._commit({"series": series, "time_us": times_us, "value": values}, stream, position)
        self._newest.note(series, times_us, values)
        stored = len(series)
        return Appended(stored, duplicates=len(batch) - stored - expired, expired=expired)

    def _commit(self, rows: _Rows, stream: str, position: int) -> None:
        changes = self._series.take_changes()
        connection = self._connection
        with self._writing:
            connection.begin()
            try:
                self._series.save(connection, changes)
                opened = self._insert(rows)
                connection.execute("DELETE FROM stream_position WHERE stream = ?", [stream])
                connection.execute("INSERT INTO stream_position VALUES (?, ?)", [stream, position])
                connection.commit()
            except BaseException:
                self._series.give_back(changes)
                # A commit that failed, for want of disk, has left no transaction to roll back.
                with contextlib.suppress(duckdb.Error):
                    connection.rollback()
                raise
            self._open.update(opened)

    def _insert(self, rows: _Rows) -> dict[tuple[int, int, int], Segment]:
        """Each sample into the open segment of its retention and time; returns those made for it."""
        opened: dict[tuple[int, int, int], Segment] = {}
        for key, part in layout.apart(rows, self._series.kept_s):
            segment = self._open.get(key) or opened.get(key)
            if segment is None:
                level, kept_s, begin_us = key
                segment = Segment(
                    self._new_id(), level, kept_s, begin_us, layout.span_us(level, kept_s)
                )
                layout.create(self._connection, segment)
                opened[key] = segment
            self._connection.execute(
                f"INSERT INTO {segment.table} SELECT series, time_us, value FROM part"  # noqa: S608
            )
            del part
        return opened

    def _stored(self, series: NDArray[np.int32], times_us: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which of these (series, time) pairs are on disk already."""
        stored = np.zeros(len(series), dtype=np.bool_)
        from_us, until_us = int(times_us.min()), int(times_us.max()) + 1
        asked: _Rows = {  # noqa: F841 - DuckDB reads it under this name
            "row": np.arange(len(series), dtype=np.int64),
            "series": series,
            "time_us": times_us,
        }
        connection = self._connection
        with transaction(connection):
            for segment in layout.read_all(connection):
                if segment.level or not segment.overlaps(from_us, until_us):
                    continue
                found = connection.execute(
                    f"SELECT asked.row FROM asked SEMI JOIN ("  # noqa: S608
                    f"  SELECT series, time_us FROM {segment.table}"
                    f"  WHERE time_us >= {from_us} AND time_us < {until_us}"
                    f"    AND series >= {series.min()} AND series <= {series.max()}"
                    f") s ON asked.series = s.series AND asked.time_us = s.time_us"
                ).fetchnumpy()["row"]
                stored[found] = True
        return stored

    def sync(self, stream: str) -> None:
        """Nothing is left to do: `append` commits."""

    def position(self, stream: str) -> int:
        rows = self._rows("SELECT position FROM stream_position WHERE stream = ?", [stream])
        return int(rows[0][0]) if rows else 0

    def metrics(self, device_id: str) -> dict[str, str]:
        return self._series.units(device_id)

    def latest(self, device_id: str) -> list[Latest]:
        found = []
        for metric, unit in self.metrics(device_id).items():
            newest = self._newest.of(self._series.find(SeriesKey(device_id, metric)))
            if newest is not None:
                found.append(Latest(metric, unit, newest[0] / 1e6, newest[1]))
        return found

    def query(self, key: SeriesKey, *, from_s: float, to_s: float, points: int = 1_000) -> Buckets:
        grid = Grid.of(from_s, to_s, points)
        number = self._series.find(key)
        with self.snapshot() as cursor:
            sql = statement(grid, number, layout.read_all(cursor), self._forgotten.of(number))
            rows = cursor.execute(sql).fetchall() if sql else []
        columns = list(zip(*rows, strict=True)) or [()] * 5
        return Buckets(
            times_s=np.array(columns[0], dtype=np.float64) / 1e6,
            minimum=np.array(columns[1], dtype=np.float64),
            mean=np.array(columns[2], dtype=np.float64),
            maximum=np.array(columns[3], dtype=np.float64),
            count=np.array(columns[4], dtype=np.int64),
        )

    def upkeep(self, now_s: float) -> None:
        self._upkeep.run(now_s, series=len(self._series))

    def forget(self, now_s: float) -> int:
        return self._upkeep.forget(now_s, self._series.metrics())

    def freeze(self, file: Path) -> FrozenFile:
        return FrozenFile(self._connection.cursor(), file)

    def count(self, device_id: str | None = None) -> int:
        numbers = self._series.of(device_id)
        chosen = "" if device_id is None else " WHERE list_contains(?, series)"
        with self.snapshot() as cursor:
            return sum(
                cursor.execute(
                    f"SELECT count(*) FROM {segment.table}{chosen}",  # noqa: S608
                    [numbers] if chosen else [],
                ).fetchone()[0]
                for segment in layout.read_all(cursor)
                if segment.level == 0
            )

    def close(self) -> None:
        """After the writer has ended. Reads under way are waited for, later ones are refused."""
        self._readers.close()
        with self._writing:
            self._connection.close()

    def _new_id(self) -> int:
        with self._numbering:
            self._last_segment += 1
            return self._last_segment

    @contextmanager
    def snapshot(self) -> Iterator[Any]:
        """A cursor whose reads all see one state, and never wait behind the writer's transaction."""
        with self._readers.one(), self._connection.cursor() as cursor:
            cursor.begin()
            yield cursor

    def _rows(self, sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        with self._readers.one(), self._connection.cursor() as cursor:
            return cursor.execute(sql, list(values)).fetchall()

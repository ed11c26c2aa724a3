"""How the DuckDB file is laid out: levels, and in each level segments, one table each.

Level 0 holds samples, levels 1 to 3 their rollups by minute, hour and day. A segment holds a span of
time of one level; raw segments are apart by retention too, so that what is forgotten is whole tables.
Rows are only ever appended. `rolled` says how many of the first rows are in the next level already: a
rollup is not updated but given another row for the same cell, and reading adds them up. So late samples
cost what new ones do, and what a rollup holds is exact at every moment.

A segment that is full, or whose time is over, is rewritten in order of series and time (`is_sorted`), so
that reading one series touches few of its blocks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from server.telemetry.grid import DAY_US, HOUR_US, MINUTE_US

UNIT_US: Final = (1, MINUTE_US, HOUR_US, DAY_US)
"""What a row of each level stands for."""

_SPAN_US: Final = (7 * DAY_US, 28 * DAY_US, 364 * DAY_US, 36_400 * DAY_US)
# Each span is a multiple of the one before, so that a segment belongs to one segment of the next level.
_SHORT_SPAN_US: Final = DAY_US
_SHORT_RETENTION_S: Final = 31 * 86_400

TOP: Final = len(UNIT_US) - 1

_RAW: Final = "series INTEGER NOT NULL, time_us BIGINT NOT NULL, value DOUBLE NOT NULL"
_ROLLUP: Final = (
    "series INTEGER NOT NULL, time_us BIGINT NOT NULL, first_us BIGINT NOT NULL, "
    "minimum DOUBLE NOT NULL, total DOUBLE NOT NULL, maximum DOUBLE NOT NULL, count BIGINT NOT NULL"
)

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS series (
    id INTEGER NOT NULL, device_id VARCHAR NOT NULL, metric VARCHAR NOT NULL, unit VARCHAR NOT NULL);
CREATE TABLE IF NOT EXISTS stream_position (stream VARCHAR NOT NULL, position BIGINT NOT NULL);
CREATE TABLE IF NOT EXISTS segment (
    id INTEGER NOT NULL, level INTEGER NOT NULL, kept_s BIGINT NOT NULL, begin_us BIGINT NOT NULL,
    span_us BIGINT NOT NULL, rolled BIGINT NOT NULL, is_sorted BOOLEAN NOT NULL);
CREATE TABLE IF NOT EXISTS newest (
    series INTEGER NOT NULL, time_us BIGINT NOT NULL, value DOUBLE NOT NULL);
CREATE TABLE IF NOT EXISTS forgotten (
    series INTEGER NOT NULL, level INTEGER NOT NULL, until_us BIGINT NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class Segment:
    """A row of the table `segment`: samples or rollups of [begin_us, begin_us + span_us)."""

    id: int
    level: int
    kept_s: int
    begin_us: int
    span_us: int
    rolled: int = 0
    is_sorted: bool = False

    @property
    def table(self) -> str:
        return f"s{self.id}"

    @property
    def end_us(self) -> int:
        return self.begin_us + self.span_us

    def overlaps(self, from_us: int, until_us: int) -> bool:
        return self.begin_us < until_us and from_us < self.end_us


def span_us(level: int, kept_s: int) -> int:
    """How long the segments of a level are; short ones where little is kept, to forget in time."""
    return _SHORT_SPAN_US if level == 0 and kept_s <= _SHORT_RETENTION_S else _SPAN_US[level]


def read_all(connection: Any) -> list[Segment]:
    """All segments, as the connection's transaction sees them."""
    rows = connection.execute("SELECT * FROM segment ORDER BY id").fetchall()
    return [Segment(*row) for row in rows]


def create(connection: Any, segment: Segment) -> None:
    """Make its table and its row, in the connection's transaction."""
    columns = _RAW if segment.level == 0 else _ROLLUP
    connection.execute(f"CREATE TABLE {segment.table} ({columns})")
    note(connection, segment)


def note(connection: Any, segment: Segment) -> None:
    """Put a segment whose table exists on record."""
    connection.execute(
        "INSERT INTO segment VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            segment.id,
            segment.level,
            segment.kept_s,
            segment.begin_us,
            segment.span_us,
            segment.rolled,
            segment.is_sorted,
        ],
    )


def drop(connection: Any, segment: Segment) -> None:
    """Its table and its row; the blocks are free for others after the next checkpoint."""
    connection.execute("DELETE FROM segment WHERE id = ?", [segment.id])
    connection.execute(f"DROP TABLE {segment.table}")


def rows_of(connection: Any, table: str) -> int:
    found: Sequence[Any] = connection.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608
    return int(found[0])


def newest_open(segments: Iterable[Segment]) -> dict[tuple[int, int, int], Segment]:
    """(level, kept_s, begin_us) → the segment that takes new rows; older unsorted ones are closed."""
    return {(s.level, s.kept_s, s.begin_us): s for s in segments if not s.is_sorted}


def apart(
    rows: dict[str, NDArray[Any]], kept_s: NDArray[np.int64]
) -> Iterator[tuple[tuple[int, int, int], dict[str, NDArray[Any]]]]:
    """The rows apart by (level, retention, begin) of the segment they belong to; mostly there is one."""
    times_us = rows["time_us"]
    if not len(times_us):
        return
    kept = kept_s[rows["series"]]
    least, most = int(kept.min()), int(kept.max())
    for seconds in [least] if least == most else np.unique(kept).tolist():
        span = span_us(0, seconds)
        first, last = int(times_us.min()) // span, int(times_us.max()) // span
        if least == most and first == last:
            yield (0, seconds, first * span), rows
            return
        begins = times_us // span * span
        mine = kept == seconds
        for begin_us in np.unique(begins[mine]).tolist():
            chosen = mine & (begins == begin_us)
            yield (0, seconds, begin_us), {name: column[chosen] for name, column in rows.items()}

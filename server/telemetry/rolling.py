"""Work on the DuckDB file that is done beside the appends: roll up, sort, forget.

Each step is one transaction: a kill -9 in the midst leaves the file as before it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final

from server.telemetry.segments import (
    TOP,
    UNIT_US,
    Segment,
    create,
    drop,
    newest_open,
    note,
    read_all,
    rows_of,
    span_us,
)

FULL_ROWS: Final = 4_000_000
"""A segment with so many rows is closed and sorted; sorting it takes a second or two."""

_WORTH_SORTING: Final = 1 / 40
"""Of a full segment; fewer rows are read through in no time, whatever their order."""

_FROM_RAW: Final = """
SELECT series, time_us // {unit} * {unit} AS cell, min(time_us) AS first_us, min(value) AS minimum,
       sum(value) AS total, max(value) AS maximum, count(*) AS count
FROM {table} WHERE rowid >= {rolled} GROUP BY series, cell
"""
_FROM_ROLLUP: Final = """
SELECT series, time_us // {unit} * {unit} AS cell, min(first_us) AS first_us, min(minimum) AS minimum,
       sum(total) AS total, max(maximum) AS maximum, sum(count)::BIGINT AS count
FROM {table} WHERE rowid >= {rolled} GROUP BY series, cell
"""


@contextmanager
def transaction(connection: Any) -> Iterator[None]:
    connection.begin()
    try:
        yield
    except BaseException:
        connection.rollback()
        raise
    connection.commit()


class Roller:
    """Works on a cursor of its own; one thread at a time uses it.

    new_id : gives the next segment's number
    """

    def __init__(self, connection: Any, new_id: Callable[[], int], full_rows: int) -> None:
        self._connection = connection
        self._new_id = new_id
        self._full_rows = full_rows

    def roll(self, level: int) -> int:
        """Bring what is new in `level` into the next one; returns how many rows that were."""
        connection, done = self._connection, 0
        with transaction(connection):
            segments = read_all(connection)
            targets = newest_open(segments)
            for segment in segments:
                if segment.level == level and not segment.is_sorted:
                    done += self._roll(segment, targets)
        return done

    def _roll(self, segment: Segment, targets: dict[tuple[int, int, int], Segment]) -> int:
        connection, level = self._connection, segment.level
        rows = rows_of(connection, segment.table)
        if rows <= segment.rolled:
            return 0
        above = level + 1
        span = span_us(above, 0)
        begin_us = segment.begin_us // span * span
        target = targets.get((above, 0, begin_us))
        if target is None:
            target = Segment(self._new_id(), above, 0, begin_us, span)
            create(connection, target)
            targets[above, 0, begin_us] = target
        query = _FROM_RAW if level == 0 else _FROM_ROLLUP
        chosen = query.format(unit=UNIT_US[above], table=segment.table, rolled=segment.rolled)
        connection.execute(f"INSERT INTO {target.table} {chosen}")
        if level == 0:
            connection.execute(
                "INSERT INTO newest SELECT series, max(time_us), arg_max(value, time_us) "  # noqa: S608
                f"FROM {segment.table} WHERE rowid >= {segment.rolled} GROUP BY series"
            )
        connection.execute("UPDATE segment SET rolled = ? WHERE id = ?", [rows, segment.id])
        return rows - segment.rolled

    def shorten_newest(self, series: int) -> None:
        """Leave one row for each series once there are many more."""
        connection = self._connection
        if rows_of(connection, "newest") <= 4 * series + 10_000:
            return
        with transaction(connection):
            connection.execute(
                "CREATE TABLE shorter AS SELECT series, max(time_us) AS time_us, "
                "arg_max(value, time_us) AS value FROM newest GROUP BY series"
            )
            connection.execute("DROP TABLE newest")
            connection.execute("ALTER TABLE shorter RENAME TO newest")

    def full(self, now_us: int, late_us: int) -> list[Segment]:
        """Unsorted segments that are worth sorting: full, or over for longer than `late_us`."""
        with transaction(self._connection):
            segments = read_all(self._connection)
            found = []
            for segment in segments:
                if segment.is_sorted:
                    continue
                rows = rows_of(self._connection, segment.table)
                over = (
                    now_us > segment.end_us + late_us and rows >= self._full_rows * _WORTH_SORTING
                )
                if over or rows >= self._full_rows:
                    found.append(segment)
        return found

    def sort(self, segment: Segment) -> None:
        """Rewrite a segment that takes no more rows; rollups of one cell become one row."""
        connection = self._connection
        with transaction(connection):
            known = {s.id: s for s in read_all(connection)}
            segment = known[segment.id]
            if segment.level < TOP:
                self._roll(segment, newest_open(known.values()))
            made = replace(segment, id=self._new_id(), is_sorted=True)
            if segment.level == 0:
                chosen = f"SELECT * FROM {segment.table}"  # noqa: S608
            else:
                chosen = (
                    _FROM_ROLLUP.format(unit=UNIT_US[segment.level], table=segment.table, rolled=0)
                    .replace(" AS cell", " AS time_us", 1)
                    .replace("GROUP BY series, cell", "GROUP BY ALL")
                )
            connection.execute(
                f"CREATE TABLE {made.table} AS FROM ({chosen}) ORDER BY series, time_us"
            )
            note(connection, replace(made, rolled=rows_of(connection, made.table)))
            drop(connection, segment)

    def forget(
        self,
        level: int,
        is_over: Callable[[Segment, Iterable[int]], bool],
        close: Callable[[Iterable[Segment]], None],
    ) -> tuple[int, dict[int, int]]:
        """Drop segments of `level` for which `is_over(segment, its series)`; `close` is told which.

        Returns how many rows that were, and up to where each series' are gone, in Unix microseconds.
        """
        connection, dropped = self._connection, 0
        until: dict[int, int] = {}
        gone: list[Segment] = []
        with transaction(connection):
            for segment in read_all(connection):
                if segment.level != level:
                    continue
                if not is_over(segment, ()):
                    continue
                found = connection.execute(f"SELECT DISTINCT series FROM {segment.table}")  # noqa: S608
                series = [row[0] for row in found.fetchall()]
                if not is_over(segment, series):
                    continue
                if level < TOP:
                    self._roll(segment, newest_open(read_all(connection)))
                dropped += rows_of(connection, segment.table)
                drop(connection, segment)
                gone.append(segment)
                for number in series:
                    until[number] = max(segment.end_us, until.get(number, segment.end_us))
            if until:
                rows = [(number, level, time_us) for number, time_us in until.items()]
                connection.executemany("INSERT INTO forgotten VALUES (?, ?, ?)", rows)
        close(gone)
        return dropped, until

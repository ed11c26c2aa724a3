"""Which rows of which segments answer a query, as one SQL statement.

Every sample is taken into account once: whole cells from the level of the buckets' width, what has not
been rolled up yet from the levels below it, and the ends of the range, where they cut a cell, from finer
levels. Where the finer level was forgotten, the coarser one stands in with whole cells.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from server.telemetry.grid import Grid
from server.telemetry.segments import TOP, UNIT_US, Segment

_RAW: Final = (
    "SELECT time_us, time_us AS first_us, value AS minimum, value AS total, value AS maximum, "
    "1::BIGINT AS count FROM {table} WHERE {where}"
)
_ROLLUP: Final = (
    "SELECT time_us, first_us, minimum, total, maximum, count FROM {table} WHERE {where}"
)
_BUCKETS: Final = """
SELECT min(first_us), min(minimum), sum(total) / sum(count), max(maximum), sum(count)::BIGINT
FROM ({parts}) GROUP BY (greatest(time_us, {origin}) - {origin}) // {width} ORDER BY 1
"""


@dataclass(frozen=True, slots=True)
class _Part:
    """Rows of `level` with times in [from_us, until_us), and what below it is not rolled up yet."""

    level: int
    from_us: int
    until_us: int


def level_of(grid: Grid) -> int:
    """The coarsest level of whose cells every bucket consists."""
    fits = (
        level
        for level in range(TOP, 0, -1)
        if grid.width_us % UNIT_US[level] == 0 and grid.origin_us % UNIT_US[level] == 0
    )
    return next(fits, 0)


def statement(
    grid: Grid, series: int, segments: Sequence[Segment], forgotten_us: Mapping[int, int]
) -> str | None:
    """The SELECT for a series; None where no segment has anything of the range.

    forgotten_us : level → before this time the series has no rows there any more
    """
    whole = _parts(level_of(grid), grid.from_us, grid.until_us, forgotten_us)
    parts = [text for part in whole for text in _selects(part, series, segments)]
    if not parts:
        return None
    return _BUCKETS.format(
        parts=" UNION ALL ".join(parts), origin=grid.origin_us, width=grid.width_us
    )


def _parts(
    level: int, from_us: int, until_us: int, forgotten_us: Mapping[int, int]
) -> Iterator[_Part]:
    if until_us <= from_us:
        return
    gone_us = forgotten_us.get(level, from_us)
    if gone_us > from_us:
        yield from _parts_above(level + 1, from_us, min(gone_us, until_us), forgotten_us)
        yield from _parts(level, gone_us, until_us, forgotten_us)
        return
    unit = UNIT_US[level]
    first, last = -(-from_us // unit) * unit, until_us // unit * unit
    if level and first >= last:
        yield from _parts(level - 1, from_us, until_us, forgotten_us)
        return
    if level:
        yield from _parts(level - 1, from_us, first, forgotten_us)
        yield from _parts(level - 1, last, until_us, forgotten_us)
    yield _Part(level, first, last)


def _parts_above(
    level: int, from_us: int, until_us: int, forgotten_us: Mapping[int, int]
) -> Iterator[_Part]:
    """Whole cells instead of what was forgotten: they may begin before the range."""
    unit = UNIT_US[level]
    gone_us = forgotten_us.get(level, from_us)
    if gone_us > from_us and level < TOP:
        yield from _parts_above(level + 1, from_us, min(gone_us, until_us), forgotten_us)
        from_us = gone_us
    if from_us < until_us:
        yield _Part(level, from_us // unit * unit, until_us)


def _selects(part: _Part, series: int, segments: Sequence[Segment]) -> Iterator[str]:
    for segment in segments:
        if segment.level > part.level or not segment.overlaps(part.from_us, part.until_us):
            continue
        where = f"series = {series} AND time_us >= {part.from_us} AND time_us < {part.until_us}"
        if segment.level < part.level:
            if segment.is_sorted:
                continue
            where += f" AND rowid >= {segment.rolled}"
        template = _RAW if segment.level == 0 else _ROLLUP
        yield template.format(table=segment.table, where=where)

"""A CSV as rows of (time, values), read in constant memory; `inspection` makes it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from server.replay.cells import NotANumber, TimeColumn, TimeKind, is_value, parse_number
from server.replay.errors import ReplayError
from server.replay.text_source import TextSource, shown


@dataclass(frozen=True, slots=True)
class Metric:
    """A column that is replayed."""

    column: str
    index: int
    name: str
    unit: str


@dataclass(frozen=True, slots=True)
class Row:
    """`values` follow the table's metrics; None: nothing was measured."""

    line: int
    time_s: float
    values: list[float | bool | None]


@dataclass(frozen=True, slots=True)
class Table:
    """An inspected file; `rows` can be read as often as needed, in constant memory."""

    source: TextSource
    metrics: tuple[Metric, ...]
    notices: tuple[str, ...]
    time_index: int | None
    time: TimeColumn | None
    period_s: float
    first_line: int
    width: int
    decimal_comma: bool

    @property
    def absolute(self) -> bool:
        """Whether the rows' times are moments; else they are seconds from some beginning."""
        return self.time is not None and self.time.kind is TimeKind.ABSOLUTE

    def rows(self) -> Iterator[Row]:
        """Every row, in the file's order; raises ReplayError with the line of one that is unfit."""
        number = 0
        for line, cells in self.source.rows():
            if line < self.first_line:
                continue
            if len(cells) != self.width and not _only_padded(cells, self.width):
                raise ReplayError(
                    f"the row has {len(cells)} cells, the file {self.width} columns", line=line
                )
            yield Row(line, self._time_of(cells, line, number), self._values_of(cells, line))
            number += 1

    def _time_of(self, cells: list[str], line: int, number: int) -> float:
        if self.time is None or self.time_index is None:
            return number * self.period_s
        cell = cells[self.time_index]
        try:
            return self.time.parse(cell)
        except (ValueError, OverflowError):
            raise ReplayError(f"{shown(cell)} is not a time ({self.time.how})", line=line) from None

    def _values_of(self, cells: list[str], line: int) -> list[float | bool | None]:
        comma = self.decimal_comma
        try:
            return [parse_number(cells[m.index], decimal_comma=comma) for m in self.metrics]
        except NotANumber:
            for metric in self.metrics:
                _require_number(cells[metric.index], metric.column, line, comma=comma)
            raise


def _require_number(cell: str, column: str, line: int, *, comma: bool) -> None:
    if not is_value(cell, comma=comma):
        raise ReplayError(
            f"{shown(cell)} in column {column!r} is not a number; leave the column out with --skip",
            line=line,
        )


def _only_padded(cells: list[str], width: int) -> bool:
    """A delimiter too many at the end of rows is common and harmless."""
    return len(cells) > width and not any(cell.strip() for cell in cells[width:])

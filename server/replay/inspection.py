"""What kind of CSV this is: header or none, decimal sign, which column is the time, which are numbers."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from device_agent.wire.errors import WireError
from device_agent.wire.text import check_unit
from server.kit.text import one_line
from server.replay.cells import NotANumber, TimeColumn, TimeKind, is_value, parse_number, read_times
from server.replay.errors import ReplayError
from server.replay.table import Metric, Table
from server.replay.text_source import inspect, shown
from server.replay.wire_names import wire_names

_SAMPLE_ROWS: Final = 200
_TIME_NAMES: Final = (
    "time", "timestamp", "datetime", "date_time", "ts", "date", "t", "utc", "epoch",
)  # fmt: skip
_DECIMAL_COMMA_DELIMITERS: Final = (";", "\t", "|")


@dataclass(frozen=True, slots=True)
class TableOptions:
    """What the person knows about the file; everything not given is guessed."""

    time: str | None = None
    time_format: str | None = None
    period_s: float | None = None
    """For files without times: rows are so far apart."""
    delimiter: str | None = None
    skip: Sequence[str] = ()
    units: Mapping[str, str] = field(default_factory=dict)


def open_table(file: Path, options: TableOptions) -> Table:
    """Inspect `file`; raises ReplayError saying what is unfit and what would help."""
    source = inspect(file, delimiter=options.delimiter)
    sample = list(itertools.islice(source.rows(), _SAMPLE_ROWS + 1))
    if not sample:
        raise ReplayError(f"{file} holds no rows", line=1)
    line, first = sample[0]
    comma = source.delimiter in _DECIMAL_COMMA_DELIMITERS and _has_decimal_comma(sample)
    headless = not _is_header(first, [cells for _, cells in sample[1:]], comma=comma)
    columns = [f"column_{k + 1}" for k in range(len(first))] if headless else _cleaned(first)
    body = [cells for _, cells in (sample if headless else sample[1:])]
    if not body:
        raise ReplayError(f"{file} has a header and no rows", line=line)
    names = wire_names(columns)
    _check_known("--skip", options.skip, columns, names)
    _check_known("--unit", options.units, columns, names)
    time_index, time = _find_time(columns, names, body, options, comma=comma)
    metrics, notices = _metrics(columns, names, body, time_index, options, comma=comma)
    if time is not None:
        notices.insert(0, f"time: column {columns[time_index or 0]!r}, {time.how}")
    return Table(
        source=source,
        metrics=metrics,
        notices=tuple(notices),
        time_index=time_index,
        time=time,
        period_s=options.period_s or 0.0,
        first_line=line if headless else line + 1,
        width=len(first),
        decimal_comma=comma,
    )


def _find_time(
    columns: list[str],
    names: list[str],
    body: list[list[str]],
    options: TableOptions,
    *,
    comma: bool,
) -> tuple[int | None, TimeColumn | None]:
    if options.period_s is not None:
        return None, None
    if options.time is not None:
        _check_known("--time", [options.time], columns, names)
        [index] = [k for k, n in enumerate(names) if options.time in (columns[k], n)][:1]
        found = _times_expected_in(body, index, options, comma=comma)
        if found is None:
            raise ReplayError(
                f"column {options.time!r} does not hold times: {shown(_cell(body[0], index))}; "
                "give their form with --time-format"
            )
        return index, found
    named = [k for wish in _TIME_NAMES for k, name in enumerate(names) if name == wish]
    # Not named like a time: taken only if it can't be anything else, from the left.
    others = [k for k in range(len(columns)) if k not in named]
    for index in named:
        found = _times_expected_in(body, index, options, comma=comma)
        if found is not None:
            return index, found
    for index in others:
        found = _times_in(body, index, options, comma=comma)
        if found is not None and found.kind is TimeKind.ABSOLUTE:
            return index, found
    listed = ", ".join(repr(c) for c in columns)
    raise ReplayError(
        f"no column looks like a time; name it with --time, or say --period SECONDS if the rows "
        f"are evenly spaced. Columns: {listed}"
    )


def _times_in(
    body: list[list[str]], index: int, options: TableOptions, *, comma: bool
) -> TimeColumn | None:
    cells = [_cell(row, index) for row in body]
    return read_times(cells, form=options.time_format, decimal_comma=comma)


def _times_expected_in(
    body: list[list[str]], index: int, options: TableOptions, *, comma: bool
) -> TimeColumn | None:
    """As `_times_in`; a later cell that does not fit the first is left for `rows`, which names its line."""
    return _times_in(body, index, options, comma=comma) or _times_in(
        body[:1], index, options, comma=comma
    )


def _metrics(
    columns: list[str],
    names: list[str],
    body: list[list[str]],
    time_index: int | None,
    options: TableOptions,
    *,
    comma: bool,
) -> tuple[tuple[Metric, ...], list[str]]:
    metrics, notices = [], []
    for index, (column, name) in enumerate(zip(columns, names, strict=True)):
        if index == time_index or column in options.skip or name in options.skip:
            continue
        text = [c for row in body if not is_value(c := _cell(row, index), comma=comma)]
        if text:
            notices.append(f"column {column!r} is left out: {shown(text[0])} is not a number")
            continue
        unit = options.units.get(column, options.units.get(name, ""))
        metrics.append(Metric(column, index, name, unit))
    if not metrics:
        raise ReplayError("no column of numbers is left to replay")
    return tuple(metrics), notices


def _check_known(
    option: str, wanted: Sequence[str] | Mapping[str, str], columns: list[str], names: list[str]
) -> None:
    for wish in wanted:
        if wish not in columns and wish not in names:
            listed = ", ".join(repr(c) for c in columns)
            raise ReplayError(f"{option}: there is no column {shown(wish)}. Columns: {listed}")
    if isinstance(wanted, Mapping):
        for column, unit in wanted.items():
            try:
                check_unit(unit)
            except WireError as error:
                raise ReplayError(f"{option} {column}: {error.reason}") from error


def _is_number(cell: str, *, comma: bool) -> bool:
    try:
        return parse_number(cell, decimal_comma=comma) is not None
    except NotANumber:
        return False


def _is_header(first: list[str], body: list[list[str]], *, comma: bool) -> bool:
    """Whether some cell of the first row is text above a column of numbers or times."""
    for index, cell in enumerate(first):
        below = [_cell(row, index) for row in body]
        if is_value(cell, comma=comma) and cell.strip():
            continue
        if read_times([cell], form=None, decimal_comma=comma) is not None:
            continue
        if all(is_value(c, comma=comma) for c in below):
            return True
        if read_times(below, form=None, decimal_comma=comma) is not None:
            return True
    return False


def _has_decimal_comma(sample: list[tuple[int, list[str]]]) -> bool:
    cells = [cell for _, row in sample[1:] for cell in row if "," in cell]
    return bool(cells) and all(_is_number(cell, comma=True) for cell in cells)


def _cleaned(header: list[str]) -> list[str]:
    return [one_line(cell, limit=120) or f"column_{k}" for k, cell in enumerate(header, start=1)]


def _cell(row: list[str], index: int) -> str:
    return row[index] if index < len(row) else ""

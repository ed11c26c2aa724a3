"""A CSV file as chunks of times and numbers: any delimiter of `, ; tab` or spaces, any usual time column.

Whatever is decided about a column is decided by the header and the first cells alone, so that a
file cut short reads the same as far as it goes. Cells that are no number count as missing.
"""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Self, TextIO

import numpy as np
import numpy.typing as npt

from anomaly.csv_times import TimeReader, guess_time_column
from anomaly.errors import ScoreError

if TYPE_CHECKING:
    from _csv import Reader

Floats = npt.NDArray[np.float64]
CHUNK_ROWS = 50_000
SPACES = " "
"""The delimiter of files whose numbers stand between any number of spaces and tabs."""
HEAD_LINES = 20
"""A header or first row may be of several lines, in quotes; of more it is a stray quote."""
MAX_COLUMNS = 20_000
BEYOND = 1e100
"""No quantity is larger: such numbers are as good as missing."""
_MISSING = {"", "na", "n/a", "null", "none", "-", "?", "nan"}


@dataclass(slots=True)
class Chunk:
    """Consecutive rows: `values` has shape (rows, metrics), missing cells are NaN."""

    first_line: int
    labels: list[str]
    times_s: Floats
    values: Floats
    dated: bool = True
    """Whether the times are dates; else they are row numbers or plain seconds."""


@dataclass(slots=True)
class CsvTable:
    """An open CSV; iterate `chunks` once. A context manager: it holds the file open."""

    path: Path
    metrics: list[str]
    chunks: Iterator[Chunk]
    text_columns: set[str] = field(default_factory=set)
    missing_cells: int = 0
    raw: BinaryIO | None = None
    text: TextIO | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file; reading to the end does so too."""
        for stream in (self.text, self.raw):
            if stream is not None:
                stream.close()

    def share_read(self) -> float:
        """Share 0..1 of the file's bytes that were read so far."""
        size = self.path.stat().st_size
        return (
            min(1.0, self.raw.tell() / size) if self.raw and size and not self.raw.closed else 1.0
        )


def open_csv(path: Path, time_column: str | None = None) -> CsvTable:
    """Read the header and the first row; raises ScoreError naming the file and what is wrong."""
    stream, raw = open_text(path)
    table = CsvTable(path, [], iter(()), raw=raw, text=stream)
    try:
        _read_head(table, stream, time_column)
    except BaseException:
        table.close()
        raise
    return table


def _read_head(table: CsvTable, stream: TextIO, time_column: str | None) -> None:
    file = table.path.name
    try:
        lines = list(islice(stream, HEAD_LINES))
    except (OSError, EOFError, zlib.error) as error:
        raise ScoreError(f"{file}: cannot be read: {error}") from error
    if not lines or not lines[0].strip("\0 \t\r\n"):
        raise ScoreError(f"{file}: the file is empty")
    try:
        delimiter, first, sample, length = head_of(lines)
    except csv.Error as error:
        raise ScoreError(f"{file}: the header cannot be read: {error}") from error
    if len(first) > MAX_COLUMNS:
        raise ScoreError(f"{file}: {len(first)} columns, at most {MAX_COLUMNS} can be read")
    has_header = not all(is_number(cell) or not cell for cell in first)
    names = _unique(first) if has_header else [f"column{i + 1}" for i in range(len(first))]
    if has_header and not any(sample):
        raise ScoreError(f"{file}: there is a header but no rows")
    at = guess_time_column(names, sample if has_header else first, time_column, file)
    table.metrics = [name for i, name in enumerate(names) if i != at]
    skipped = length if has_header else 0
    text = _chain(lines[skipped:], stream)
    table.chunks = _chunks(table, text, delimiter, len(names), at, skipped + 1)


def open_text(path: Path) -> tuple[TextIO, BinaryIO]:
    try:
        raw = path.open("rb")
    except OSError as error:
        raise ScoreError(f"{path.name}: {error.strerror or error}") from error
    data = gzip.GzipFile(fileobj=raw) if path.suffix == ".gz" else raw
    text = io.TextIOWrapper(data, encoding="utf-8-sig", errors="replace", newline="")
    return text, raw


def _chain(first: list[str], rest: TextIO) -> Iterator[str]:
    yield from first
    yield from rest


def head_of(lines: list[str]) -> tuple[str, list[str], list[str], int]:
    """Delimiter, cells of the header and of the row after it, and of how many lines the header is.

    Raises csv.Error for a cell of more than 131,072 characters.
    """
    delimiter = max(",;\t", key=lines[0].count)
    if lines[0].count(delimiter) == 0 and _is_spaced(lines):
        delimiter = SPACES
    first, length = _record(lines, delimiter)
    second, _ = _record(lines[length:], delimiter)
    return delimiter, first, second, length


def _is_spaced(lines: list[str]) -> bool:
    """Whether numbers stand between spaces or tabs, under as many words: the plain text of many tools."""
    second = lines[1].split() if len(lines) > 1 else []
    words = lines[0].split()
    return len(words) == len(second) > 1 and all(map(is_number, second))


def cells_of(lines: Iterable[str], delimiter: str) -> Reader:
    """Rows of cells; NUL bytes are passed over."""
    if delimiter == SPACES:
        return csv.reader(
            ("\t".join(line.replace("\0", "").split()) for line in lines), delimiter="\t"
        )
    return csv.reader((line.replace("\0", "") for line in lines), delimiter=delimiter)


def _record(lines: list[str], delimiter: str) -> tuple[list[str], int]:
    reader = cells_of(lines, delimiter)
    row = next(reader, [])
    if reader.line_num >= HEAD_LINES > 1:
        row = next(cells_of(lines[:1], delimiter), [])
        return [cell.strip() for cell in row], 1
    return [cell.strip() for cell in row], reader.line_num


def is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _unique(names: list[str]) -> list[str]:
    seen: dict[str, int] = {}
    out = []
    for index, name in enumerate(names):
        plain = name or f"column{index + 1}"
        seen[plain] = seen.get(plain, 0) + 1
        out.append(plain if seen[plain] == 1 else f"{plain}.{seen[plain]}")
    return out


def _chunks(
    table: CsvTable, lines: Iterator[str], delimiter: str, width: int, at: int | None, line: int
) -> Iterator[Chunk]:
    times = TimeReader(table.path.name)
    kinds: list[bool | None] = [None] * width  # number, text, or not yet seen
    if at is not None:
        kinds[at] = False
    names = list(table.metrics)
    if at is not None:
        names.insert(at, "")
    reader = cells_of(lines, delimiter)
    row_number = 0
    while True:
        try:
            rows = list(islice(reader, CHUNK_ROWS))
        except csv.Error as error:
            raise ScoreError(f"{table.path.name}: near line {line}: {error}") from error
        except (OSError, EOFError, zlib.error) as error:
            raise ScoreError(f"{table.path.name}: damaged near line {line}: {error}") from error
        if not rows:
            table.close()
            return
        read = len(rows)
        rows = [row for row in rows if row]
        columns = _columns(rows, width)
        labels = list(columns[at]) if at is not None else _numbers_from(row_number, len(rows))
        stamps = times.read(labels, line) if at is not None else _row_times(row_number, len(rows))
        values = np.full((len(rows), len(table.metrics)), np.nan)
        place = 0
        for index in range(width):
            if index == at:
                continue
            values[:, place] = _parse(table, columns[index], kinds, index, names[index])
            place += 1
        yield Chunk(line, labels, stamps, values, at is not None and times.dated)
        line += read
        row_number += len(rows)


def _numbers_from(start: int, count: int) -> list[str]:
    return [str(number) for number in range(start, start + count)]


def _row_times(start: int, count: int) -> Floats:
    return np.arange(start, start + count, dtype=np.float64)


def _columns(rows: list[list[str]], width: int) -> list[tuple[str, ...]]:
    if any(len(row) != width for row in rows):
        rows = [(row + [""] * width)[:width] for row in rows]
    return list(zip(*rows, strict=True)) if rows else [()] * width


def _parse(
    table: CsvTable, cells: tuple[str, ...], kinds: list[bool | None], index: int, name: str
) -> Floats:
    if kinds[index] is None:
        first = next((cell for cell in cells if cell.strip().lower() not in _MISSING), None)
        if first is not None:
            kinds[index] = is_number(first) or _as_flag(first) is not None
            if not kinds[index]:
                table.text_columns.add(name)
    if not kinds[index]:
        return np.full(len(cells), np.nan)
    try:
        numbers = np.array(cells, dtype=np.float64)
    except ValueError:
        numbers = np.array([number_of(cell) for cell in cells])
    bad = ~(np.abs(numbers) <= BEYOND)
    table.missing_cells += int(bad.sum())
    numbers[bad] = np.nan
    return numbers


def _as_flag(cell: str) -> float | None:
    return {"true": 1.0, "false": 0.0, "on": 1.0, "off": 0.0}.get(cell.strip().lower())


def number_of(cell: str) -> float:
    flag = _as_flag(cell)
    if flag is not None:
        return flag
    try:
        return float(cell)
    except ValueError:
        return float("nan")

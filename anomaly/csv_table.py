"""A CSV file as chunks of times and numbers: any delimiter of `, ; tab |` or spaces, any usual time column.

What a column is, is decided by the header and the first rows alone, so that a file cut short reads the
same as far as it goes. Cells that are no number count as missing.
"""

from __future__ import annotations

import csv
import gc
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Final, Self, TextIO

import numpy as np
import numpy.typing as npt

from anomaly.csv_cells import MISSING, is_number, numbers_of, share_of_numbers
from anomaly.csv_head import Head, cells_of, chained, open_text, read_head
from anomaly.csv_times import TimeReader, time_columns
from anomaly.errors import ScoreError

Floats = npt.NDArray[np.float64]
CHUNK_ROWS = 50_000
CHUNK_CELLS = 1_000_000
"""Of a table with very many columns fewer rows at a time, so that memory does not grow with its width."""
MAX_COLUMNS = 20_000
MOSTLY: Final = 0.5
"""A column whose first cell is a word holds numbers all the same if so many of its cells do."""


@dataclass(slots=True)
class Chunk:
    """Consecutive rows: `values` has shape (rows, metrics), missing cells are NaN."""

    first_line: int
    labels: list[str]
    times_s: Floats
    values: Floats
    dated: bool = True
    """Whether the times are dates; else they are row numbers or plain seconds."""
    owners: list[str] | None = None
    """The device of each row, where a column names it."""


@dataclass(slots=True)
class CsvTable:
    """An open CSV; iterate `chunks` once. A context manager: it holds the file open."""

    path: Path
    metrics: list[str]
    chunks: Iterator[Chunk]
    text_columns: set[str] = field(default_factory=set)
    missing_cells: int = 0
    odd_rows: int = 0
    """Rows of more cells than the header, or fewer."""
    numbered: bool = False
    """Whether rows have no time but their number."""
    share: float = 1.0
    """Of a file that was read whole for it and others: how much is done with this table."""
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
        if self.raw is None or self.raw.closed:
            return self.share
        return share_of(self.raw, self.path)


def share_of(raw: BinaryIO, path: Path) -> float:
    """Share 0..1 of the file that was read."""
    size = path.stat().st_size
    return min(1.0, raw.tell() / size) if size else 1.0


@dataclass(frozen=True, slots=True)
class _Places:
    """Which columns are not readings."""

    width: int
    times: tuple[int, ...]
    owner: int | None

    @property
    def metrics(self) -> list[int]:
        return [i for i in range(self.width) if i not in self.times and i != self.owner]


def open_csv(path: Path, time_column: str | None = None, *, owner: str | None = None) -> CsvTable:
    """Read the header and the first row; raises ScoreError naming the file and what is wrong.

    `owner` : the column that names each row's device, if there is one.
    """
    stream, raw = open_text(path)
    table = CsvTable(path, [], iter(()), raw=raw, text=stream)
    try:
        _begin(table, stream, time_column, owner)
    except BaseException:
        table.close()
        raise
    return table


def _begin(table: CsvTable, stream: TextIO, time_column: str | None, owner: str | None) -> None:
    file = table.path.name
    head = read_head(stream, file)
    names = head.names
    if len(names) > MAX_COLUMNS:
        raise ScoreError(f"{file}: {len(names)} columns, at most {MAX_COLUMNS} can be read")
    at = time_columns(names, head.rows, time_column, file)
    places = _Places(len(names), at, names.index(owner) if owner is not None else None)
    table.metrics = [names[i] for i in places.metrics]
    table.numbered = not at
    table.chunks = _chunks(table, head, chained(head.lines, stream), places)


def _chunks(table: CsvTable, head: Head, lines: Iterator[str], places: _Places) -> Iterator[Chunk]:
    times = TimeReader(table.path.name)
    kinds: dict[int, bool] = {}  # number or text; not yet seen: not in it
    reader = cells_of(lines, head.delimiter)
    line, row_number = head.first_line, 0
    at_once = max(1, min(CHUNK_ROWS, CHUNK_CELLS // places.width))
    while True:
        try:
            read, rows, columns = _some(reader, at_once, table, places.width)
        except csv.Error as error:
            raise ScoreError(f"{table.path.name}: near line {line}: {error}") from error
        except (OSError, EOFError, zlib.error) as error:
            raise ScoreError(f"{table.path.name}: damaged near line {line}: {error}") from error
        if not read:
            table.close()
            return
        if places.times:
            labels = labels_of(columns, places.times)
            stamps = times.read(labels, line)
        else:
            labels = [str(number) for number in range(row_number, row_number + rows)]
            stamps = np.arange(row_number, row_number + rows, dtype=np.float64)
        values = np.full((rows, len(table.metrics)), np.nan)
        for place, index in enumerate(places.metrics):
            values[:, place] = _parse(table, columns[index], kinds, place, commas=head.commas)
        owners = None if places.owner is None else [cell.strip() for cell in columns[places.owner]]
        dated = bool(places.times) and times.dated
        yield Chunk(line, labels, stamps, values, dated, owners)
        line += read
        row_number += rows


def labels_of(columns: list[tuple[str, ...]], at: tuple[int, ...]) -> list[str]:
    """The times as they are written, of one column or of a date's and a clock's."""
    if len(at) == 1:
        return list(columns[at[0]])
    return [
        f"{day.strip()} {clock.strip()}"
        for day, clock in zip(columns[at[0]], columns[at[1]], strict=True)
    ]


def _some(
    reader: Iterator[list[str]], most: int, table: CsvTable, width: int
) -> tuple[int, int, list[tuple[str, ...]]]:
    """The next rows: how many, how many of them are not empty, and these by column."""
    with uncollected():
        rows = list(islice(reader, most))
        read = len(rows)
        rows = [row for row in rows if row]
        odd = [row for row in rows if len(row) != width]
        if odd:
            table.odd_rows += sum(len(row) < width or any(row[width:]) for row in odd)
            rows = [(row + [""] * width)[:width] for row in rows]
        columns: list[tuple[str, ...]] = [()] * width
        if rows:
            columns = list(zip(*rows, strict=True))
        return read, len(rows), columns


@contextmanager
def uncollected() -> Iterator[None]:
    """While very many small lists are made that none is a ring of, looking for rings takes a third of the time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _parse(
    table: CsvTable, cells: tuple[str, ...], kinds: dict[int, bool], place: int, *, commas: bool
) -> Floats:
    if place not in kinds:
        first = next((cell for cell in cells if cell.strip().lower() not in MISSING), None)
        if first is not None:
            numeric = is_number(first, commas=commas)
            kinds[place] = numeric or share_of_numbers(cells, commas=commas) >= MOSTLY
            if not kinds[place]:
                table.text_columns.add(table.metrics[place])
    if not kinds.get(place, False):
        return np.full(len(cells), np.nan)
    numbers = numbers_of(cells, commas=commas)
    table.missing_cells += int(np.isnan(numbers).sum())
    return numbers

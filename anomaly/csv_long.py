"""Tables whose lines are one reading each (time, name of the metric, value, maybe the device), and tables of
several devices: cut into one table a device.

A file is long when its header has a column that names metrics and one that holds their values, and its
first rows fit that. It is read whole, since a metric may come late or lines may be sorted by metric.
"""

from __future__ import annotations

import csv
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from anomaly.csv_cells import MISSING, as_flag, is_number, numbers_of
from anomaly.csv_head import Head, cells_of, chained, open_text, read_head
from anomaly.csv_table import (
    CHUNK_ROWS,
    MAX_COLUMNS,
    Chunk,
    CsvTable,
    Floats,
    labels_of,
    open_csv,
    share_of,
    uncollected,
)
from anomaly.csv_times import TimeReader, time_columns
from anomaly.errors import ScoreError

METRIC_NAMES = (
    "metric", "variable", "parameter", "sensor", "signal", "tag", "field", "name", "entity_id", "measurement", "channel",
)  # fmt: skip
VALUE_NAMES = ("value", "reading", "val", "v", "state")
DEVICE_NAMES = (
    "device", "device_id", "deviceid", "device_name", "machine", "machine_id", "asset", "asset_id", "host", "hostname",
    "node", "node_id", "unit_id", "equipment", "equipment_id", "thing",
)  # fmt: skip


READING = 0.5
"""Share of the work that reading a file whole is, before its devices are scored."""
Tell = Callable[[float], None]


def tables_of(
    path: Path,
    device: str,
    time_column: str | None = None,
    tell: Tell = lambda _share: None,
) -> Iterator[tuple[str, CsvTable]]:
    """The file's devices and their tables: one for each that a column names, else one.

    `tell` hears the share 0..1 done while a file is read whole. Raises ScoreError naming the file and what is wrong.
    """
    text, raw = open_text(path)
    with text, raw:
        head = read_head(text, path.name)
        places = _long_places(head, time_column, path.name)
        if places is not None:
            heard = partial(_heard, tell, raw, path)
            readings = _read(path, head, chained(head.lines, text), places, heard)
            yield from _pivoted(path, device, readings)
            return
    owner = _owner(head, time_column, path.name)
    table = open_csv(path, time_column, owner=owner)
    if owner is None:
        yield device, table
    else:
        yield from _by_owner(table, device, tell)


def _heard(tell: Tell, raw: BinaryIO, path: Path) -> None:
    tell(READING * share_of(raw, path))


def _place(names: list[str], kind: tuple[str, ...]) -> int | None:
    return next((names.index(known) for known in kind if known in names), None)


@dataclass(frozen=True, slots=True)
class _Long:
    """Places of the columns of a long table."""

    times: tuple[int, ...]
    metric: int
    value: int
    device: int | None


def _long_places(head: Head, time_column: str | None, file: str) -> _Long | None:
    names = [name.lower().removeprefix("_") for name in head.names]
    metric, value, device = (
        _place(names, kind) for kind in (METRIC_NAMES, VALUE_NAMES, DEVICE_NAMES)
    )
    if metric is None or value is None or len(set(names)) < len(names):
        return None
    rows = [row for row in head.rows if len(row) == len(names)]
    if len(head.sample) != len(names) or is_number(head.sample[metric], commas=head.commas):
        return None
    if not any(
        is_number(row[value], commas=head.commas) or as_flag(row[value]) is not None for row in rows
    ):
        return None
    times = time_columns(head.names, head.rows, time_column, file)
    if not times or {metric, value, device} & set(times):
        return None
    return _Long(times, metric, value, device)


def _owner(head: Head, time_column: str | None, file: str) -> str | None:
    """The column of a wide table that names each row's device: words or whole numbers."""
    at = _place([name.lower() for name in head.names], DEVICE_NAMES)
    if (
        at is None
        or at in time_columns(head.names, head.rows, time_column, file)
        or len(head.names) < 3
    ):
        return None
    cells = [row[at] for row in head.rows if at < len(row)]
    held = [cell for cell in cells if cell.lower() not in MISSING]
    named = all(cell.isdigit() or not is_number(cell, commas=head.commas) for cell in held)
    return head.names[at] if held and named else None


def _by_owner(table: CsvTable, stem: str, tell: Tell) -> Iterator[tuple[str, CsvTable]]:
    """A wide table cut by device; its rows keep their order."""
    chunks = []
    with table:
        for chunk in table.chunks:
            chunks.append(chunk)
            tell(READING * table.share_read())
    codes: dict[str, int] = {}
    owner = np.array([
        codes.setdefault(name, len(codes)) for chunk in chunks for name in chunk.owners or ()
    ])  # fmt: skip
    times = np.concatenate([chunk.times_s for chunk in chunks])
    values = np.vstack([chunk.values for chunk in chunks])
    labels = [label for chunk in chunks for label in chunk.labels]
    text, missing = set(table.text_columns), table.missing_cells
    for number, (name, places) in enumerate(zip(codes, _groups(owner, len(codes)), strict=True), 1):
        chunk = Chunk(
            chunks[0].first_line, [labels[at] for at in places.tolist()], times[places], values[places], chunks[0].dated
        )  # fmt: skip
        yield (
            name or stem,
            CsvTable(
                table.path, table.metrics, iter([chunk]), text, missing,
                odd_rows=table.odd_rows if number == 1 else 0, numbered=table.numbered,
                share=_after(number, len(codes)),
            ),
        )  # fmt: skip
        text, missing = set(), 0  # said once


def _groups(codes: npt.NDArray[np.int64], count: int) -> list[npt.NDArray[np.intp]]:
    """Places of each code, in order."""
    order = np.argsort(codes, kind="stable")
    return np.split(order, np.searchsorted(codes[order], np.arange(1, count)))


@dataclass(slots=True)
class _Readings:
    """The lines of a long table, by column."""

    labels: list[str] = field(default_factory=list)
    times: list[Floats] = field(default_factory=list)
    values: list[Floats] = field(default_factory=list)
    metrics: list[str] = field(default_factory=list)
    owners: list[str] = field(default_factory=list)
    dated: bool = True


def _after(number: int, devices: int) -> float:
    """Share of a file that is done with so many of its devices."""
    return READING + (1.0 - READING) * number / devices


def _read(
    path: Path, head: Head, lines: Iterator[str], places: _Long, heard: Callable[[], None]
) -> _Readings:
    width = max(*places.times, places.metric, places.value, places.device or 0) + 1
    reader, clock = cells_of(lines, head.delimiter), TimeReader(path.name)
    read, line = _Readings(), head.first_line
    while True:
        try:
            with uncollected():
                rows = [row for row in islice(reader, CHUNK_ROWS) if row]
                columns = list(zip(*rows, strict=False))  # as many as the shortest row has cells
        except (OSError, EOFError, zlib.error, csv.Error) as error:
            raise ScoreError(f"{path.name}: damaged: {error}") from error
        if not rows:
            break
        if len(columns) < width:
            short = next(at for at, row in enumerate(rows) if len(row) < width)
            raise ScoreError(
                f"{path.name}: line {line + short}: {len(rows[short])} cells, {width} needed"
            )
        labels = [label.strip() for label in labels_of(columns, places.times)]
        read.labels += labels
        read.times.append(clock.read(labels, line))
        read.values.append(numbers_of(columns[places.value], commas=head.commas))
        read.metrics += columns[places.metric]
        if places.device is not None:
            read.owners += columns[places.device]
        line += len(rows)
        heard()
    read.dated = clock.dated
    return read


def _pivoted(path: Path, stem: str, read: _Readings) -> Iterator[tuple[str, CsvTable]]:
    times, values = np.concatenate(read.times), np.concatenate(read.values)
    names, metric = _coded(read.metrics)
    owners, owner = _coded(read.owners) if read.owners else ([stem], np.zeros(len(times), np.int64))
    groups = zip(owners, _groups(owner, len(owners)), strict=True)
    for number, (name, places) in enumerate(groups, 1):
        seen, first, column = np.unique(metric[places], return_index=True, return_inverse=True)
        order = np.argsort(first, kind="stable")  # metrics as they come in the file
        if len(seen) > MAX_COLUMNS:
            raise ScoreError(f"{path.name}: {len(seen)} metrics, at most {MAX_COLUMNS} can be read")
        rank = np.empty(len(order), np.int64)
        rank[order] = np.arange(len(order))
        moments, begins, row = np.unique(times[places], return_index=True, return_inverse=True)
        table = np.full((len(moments), len(seen)), np.nan)
        table[row, rank[column]] = values[places]
        labels = [read.labels[at] for at in places[begins].tolist()]
        chunk = Chunk(2, labels, moments, table, read.dated)
        metrics = [names[int(code)] for code in seen[order]]
        missing = int(np.isnan(values[places]).sum())
        yield (
            name or stem,
            CsvTable(
                path,
                metrics,
                iter([chunk]),
                missing_cells=missing,
                share=_after(number, len(owners)),
            ),
        )


def _coded(words: Sequence[str]) -> tuple[list[str], npt.NDArray[np.int64]]:
    """The words in order of appearance, and each place's number among them."""
    codes: dict[str, int] = {}
    numbers = np.array([codes.setdefault(word, len(codes)) for word in words], np.int64)
    plain = {word: word.strip() for word in codes}
    if all(word == name for word, name in plain.items()):
        return list(codes), numbers
    names: dict[str, int] = {}
    of_code = [names.setdefault(name, len(names)) for name in plain.values()]
    return list(names), np.array(of_code, np.int64)[numbers]

"""A CSV with one reading per line (time, name of the metric, value, maybe the device): turned to rows.

A file is long when its header has a column that names metrics and one that holds their values, and the
first line fits that. It is read whole, since a metric may come late or lines may be sorted by metric.
"""

from __future__ import annotations

import csv
import zlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from anomaly.csv_table import (
    BEYOND,
    HEAD_LINES,
    MAX_COLUMNS,
    Chunk,
    CsvTable,
    cells_of,
    head_of,
    is_number,
    number_of,
    open_csv,
    open_text,
)
from anomaly.csv_times import TimeReader, guess_time_column
from anomaly.errors import ScoreError

METRIC_NAMES = ("metric", "variable", "parameter", "sensor", "signal", "tag", "field", "name")
VALUE_NAMES = ("value", "reading", "val", "v")
DEVICE_NAMES = ("device", "device_id", "machine", "asset", "host", "node", "unit_id")


def tables_of(
    path: Path, device: str, time_column: str | None = None
) -> Iterator[tuple[str, CsvTable]]:
    """The file's devices and their tables: one for a wide file, one per device for a long one.

    Raises ScoreError naming the file and what is wrong.
    """
    places = _long_places(path, time_column)
    if places is None:
        yield device, open_csv(path, time_column)
        return
    yield from _pivoted(path, device, *places)


def _long_places(
    path: Path, time_column: str | None
) -> tuple[str, int, int, int, int | None] | None:
    """Delimiter and places of time, metric, value and device; None when the file is not long."""
    text, raw = open_text(path)
    with text, raw:
        try:
            lines = list(islice(text, HEAD_LINES))
            delimiter, plain, cells, _ = head_of(lines or [""])
        except (OSError, EOFError, zlib.error, csv.Error):
            return None  # said in full by the reader of wide files
    names = [name.lower() for name in plain]
    metric, value, device = (
        next((names.index(known) for known in kind if known in names), None)
        for kind in (METRIC_NAMES, VALUE_NAMES, DEVICE_NAMES)
    )
    if metric is None or value is None or len(cells) != len(names) or len(set(names)) < len(names):
        return None
    if is_number(cells[metric]) or not is_number(cells[value]):
        return None
    time = guess_time_column(plain, cells, time_column, path.name)
    if time is None or time in {metric, value, device}:
        return None
    return delimiter, time, metric, value, device


def _pivoted(
    path: Path, stem: str, delimiter: str, time: int, metric: int, value: int, device: int | None
) -> Iterator[tuple[str, CsvTable]]:
    text, raw = open_text(path)
    width = max(time, metric, value, device or 0) + 1
    with text, raw:
        try:
            rows = [row for row in cells_of(text, delimiter) if row][1:]
        except (OSError, EOFError, zlib.error, csv.Error) as error:
            raise ScoreError(f"{path.name}: damaged: {error}") from error
    short = next((at for at, row in enumerate(rows) if len(row) < width), None)
    if short is not None:
        raise ScoreError(f"{path.name}: line {short + 2}: {len(rows[short])} cells, {width} needed")
    reader = TimeReader(path.name)
    labels = [row[time].strip() for row in rows]
    stamps = reader.read(labels, 2)
    owners: dict[str, list[int]] = {}
    for at, row in enumerate(rows):
        owners.setdefault(row[device].strip() if device is not None else stem, []).append(at)
    for name, places in owners.items():
        yield (
            name or stem,
            _table(path, rows, labels, stamps, places, metric, value, dated=reader.dated),
        )


def _table(
    path: Path, rows: list[list[str]], labels: list[str], stamps: np.ndarray, places: list[int],
    metric: int, value: int, *, dated: bool,
) -> CsvTable:  # fmt: skip
    metrics: dict[str, int] = {}
    columns = [metrics.setdefault(rows[at][metric].strip(), len(metrics)) for at in places]
    if len(metrics) > MAX_COLUMNS:
        raise ScoreError(f"{path.name}: {len(metrics)} metrics, at most {MAX_COLUMNS} can be read")
    times, first, lines = np.unique(stamps[places], return_index=True, return_inverse=True)
    values = np.full((len(times), len(metrics)), np.nan)
    numbers = np.array([number_of(rows[at][value]) for at in places])
    bad = ~(np.abs(numbers) <= BEYOND)
    missing = int(bad.sum())
    numbers[bad] = np.nan
    values[lines, columns] = numbers
    chunk = Chunk(2, [labels[places[at]] for at in first], times, values, dated)
    return CsvTable(path, list(metrics), iter([chunk]), missing_cells=missing)

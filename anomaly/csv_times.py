"""Times of a CSV: ISO and local dates or epoch numbers in s, ms, µs, ns; found by name or by first value."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt

from anomaly.csv_dates import ORDERS, LocalDates, is_clock, is_local_date
from anomaly.errors import ScoreError

Floats = npt.NDArray[np.float64]
_NAMES = (
    "timestamp", "datetime", "date/time", "date_time", "date time", "time", "date", "ts", "epoch", "_time", "unixtime",
    "unix_time", "last_changed", "last_updated", "created_at", "recorded_at", "measured_at", "zeit", "zeitstempel",
    "datum", "czas", "data", "время", "дата", "t",
)  # fmt: skip
_DATES_ONLY = frozenset({"data", "datum", "дата"})
"""Names that are also those of other columns: taken where the cell is a date."""
_FORMATS = (
    "%d-%b-%Y %H:%M:%S", "%d-%b-%Y %H:%M", "%d %b %Y %H:%M:%S", "%d %b %Y %H:%M", "%b %d %Y %H:%M:%S",
    "%d/%b/%Y:%H:%M:%S %z", "%d-%b-%Y", "%d %b %Y", "%a %b %d %H:%M:%S %Y",
)  # fmt: skip
_LEAST_ROWS = 3
# An epoch number above this is in that many parts of a second.
_EPOCH_PARTS = ((1e17, 1e9), (1e14, 1e6), (1e11, 1e3))
_FARTHEST_S = 1e15
"""Thirty million years: beyond, days can't be counted, and no clock has shown it."""


def time_columns(
    names: list[str], rows: list[list[str]], wanted: str | None, file: str
) -> tuple[int, ...]:
    """Places of the time: one column, a date's and a clock's, or none when rows are merely numbered.

    `rows` are the first ones. Raises ScoreError where the wanted column is not there.
    """
    sample = rows[0] if rows else []
    at = _one_column(names, sample, wanted, file)
    if at is None and _is_index(names, rows):
        return (0,)
    if at is None or at >= len(sample):
        return () if at is None else (at,)
    cell = sample[at].strip()
    if is_clock(cell):
        other = next((i for i, day in enumerate(sample) if i != at and _is_day(day.strip())), None)
        return (at,) if other is None else (other, at)
    if _is_day(cell):
        other = next((i for i, clock in enumerate(sample) if is_clock(clock.strip())), None)
        return (at,) if other is None else (at, other)
    return (at,)


def _one_column(names: list[str], sample: list[str], wanted: str | None, file: str) -> int | None:
    if wanted is not None:
        if wanted not in names:
            raise ScoreError(f"{file}: no column {wanted!r}; it has {', '.join(names[:20])}")
        return names.index(wanted)
    lowered = [name.strip().lower() for name in names]
    for known in _NAMES:
        if known not in lowered:
            continue
        at = lowered.index(known)
        if known not in _DATES_ONLY or (at < len(sample) and is_date(sample[at])):
            return at
    for index, cell in enumerate(sample[: len(names)]):
        if is_date(cell):
            return index
    for index, name in enumerate(lowered):
        plain = name.removesuffix("_ms").removesuffix("_us").removesuffix("_ns").removesuffix("_s")
        if plain.endswith(("time", "date", "timestamp", "epoch")) and _is_epoch(sample, index):
            return index
    return 0 if len(names) > 1 and _is_epoch(sample, 0) else None


def _is_index(names: list[str], rows: list[list[str]]) -> bool:
    """Whether the first column alone has no name and only rises: a table's index, seconds or rows."""
    if len(rows) < _LEAST_ROWS or names[0] != "column1" or "column2" in names:
        return False
    try:
        numbers = np.array([row[0] for row in rows], np.float64)
    except (ValueError, IndexError):
        return False
    return bool(np.isfinite(numbers).all() and (np.diff(numbers) > 0.0).all())


def is_date(cell: str) -> bool:
    """Whether the cell is a date, with a time of day or without."""
    return _date_format(cell.strip()) is not None


def _is_day(cell: str) -> bool:
    return len(cell) <= len("2026-02-28") and is_date(cell)


def _is_epoch(sample: list[str], index: int) -> bool:
    try:
        value = float(sample[index])
    except (ValueError, IndexError):
        return False
    return 5e8 <= value <= 5e9 or 5e11 <= value <= 5e12 or 5e14 <= value <= 5e15 or value >= 5e17


def _date_format(cell: str) -> str | None:
    """`iso`, `local`, a strptime format, or None for a cell that is no date."""
    if len(cell) < 8 or not any(mark in cell for mark in "-/.:T "):
        return None
    try:
        datetime.fromisoformat(cell)
    except ValueError:
        pass
    else:
        return "iso"
    if is_local_date(cell):
        return "local"
    for known in _FORMATS:
        try:
            datetime.strptime(cell, known).replace(tzinfo=UTC)
        except ValueError:
            continue
        return known
    return None


class TimeReader:
    """Reads a column in pieces; the first piece decides the format for all of it."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._format: str | None = None
        self._parts = 1.0
        self._local: LocalDates | None = None
        self.dated = True

    def read(self, cells: Sequence[str], first_line: int) -> Floats:
        """Unix seconds, shape (n,); raises ScoreError with the line of a cell that is no time."""
        if not cells:
            return np.empty(0)
        if self._format is None:
            self._decide(cells, first_line)
        if self._format == "epoch":
            return self._checked(self._epochs(cells), cells, first_line)
        if self._local is not None:
            return self._checked(self._local.read(cells), cells, first_line)
        if self._format == "iso":
            fast = _iso(cells)
            if fast is not None:
                return fast
        return np.array([self._one(cell, first_line + i) for i, cell in enumerate(cells)])

    def _decide(self, cells: Sequence[str], line: int) -> None:
        cell = cells[0].strip()
        self._format = _date_format(cell)
        if self._format == "local":
            self._local = LocalDates(cells)
        if self._format is not None:
            return
        try:
            value = float(cell)
        except ValueError:
            without = ", but a time of day without a date" if is_clock(cell) else ""
            raise self._no_time(cells[0], line, without) from None
        self._format = "epoch"
        self.dated = abs(value) >= 1e8
        self._parts = next((parts for above, parts in _EPOCH_PARTS if abs(value) > above), 1.0)

    def _no_time(self, cell: str, line: int, why: str = "") -> ScoreError:
        return ScoreError(f"{self._file}: line {line}: {cell[:40]!r} is not a time{why}")

    def _checked(self, times: Floats, cells: Sequence[str], first_line: int) -> Floats:
        sound = np.abs(times) <= _FARTHEST_S
        if not sound.all():
            bad = int(np.argmin(sound))
            read = "" if self._local is None else f" (read {ORDERS[self._local.order]})"
            raise self._no_time(cells[bad], first_line + bad, read)
        return times

    def _epochs(self, cells: Sequence[str]) -> Floats:
        try:
            numbers = np.array(cells, dtype=np.float64)
        except ValueError:
            numbers = np.full(len(cells), np.nan)
            for index, cell in enumerate(cells):
                try:
                    numbers[index] = float(cell)
                except ValueError:
                    break
        return numbers / self._parts

    def _one(self, cell: str, line: int) -> float:
        text = cell.strip()
        try:
            if self._format == "iso":
                when = datetime.fromisoformat(text)
            else:
                when = datetime.strptime(text, str(self._format))  # noqa: DTZ007 - set below
            if when.tzinfo is None:
                when = when.replace(tzinfo=UTC)
            return when.timestamp()
        except (ValueError, OverflowError):
            raise self._no_time(cell, line) from None


def _iso(cells: Sequence[str]) -> Floats | None:
    """Many ISO times at once; None where numpy is stricter than the standard library."""
    if cells[0].endswith("Z"):
        if not all(cell.endswith("Z") for cell in cells):
            return None
        cells = [cell[:-1] for cell in cells]
    first, last = cells[0], cells[-1]
    if any(mark in first[10:] or mark in last[10:] for mark in "+-Zz"):
        return None
    try:
        stamps = np.array(cells, dtype="datetime64[us]")
    except ValueError:
        return None
    if np.isnat(stamps).any():
        return None
    return stamps.astype(np.int64) / 1e6

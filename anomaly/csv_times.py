"""Times of a CSV: ISO dates or epoch numbers in s, ms, µs, ns; found by name or by first value."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt

from anomaly.errors import ScoreError

Floats = npt.NDArray[np.float64]
_NAMES = ("timestamp", "datetime", "time", "date", "ts", "epoch", "_time", "t")
_FORMATS = (
    "%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M", "%d/%m/%Y %H:%M:%S", "%d/%m/%Y %H:%M",
    "%m/%d/%Y %H:%M:%S", "%m/%d/%Y %H:%M", "%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M",
    "%Y%m%dT%H%M%S", "%d.%m.%Y", "%m/%d/%Y",
)  # fmt: skip
# An epoch number above this is in that many parts of a second.
_EPOCH_PARTS = ((1e17, 1e9), (1e14, 1e6), (1e11, 1e3))
_FARTHEST_S = 1e15
"""Thirty million years: beyond, days can't be counted, and no clock has shown it."""


def guess_time_column(
    names: list[str], sample: list[str], wanted: str | None, file: str
) -> int | None:
    """Index of the time column, None when rows are merely numbered; ScoreError if named in vain."""
    if wanted is not None:
        if wanted not in names:
            raise ScoreError(f"{file}: no column {wanted!r}; it has {', '.join(names[:20])}")
        return names.index(wanted)
    lowered = [name.strip().lower() for name in names]
    for known in _NAMES:
        if known in lowered:
            return lowered.index(known)
    for index, cell in enumerate(sample[: len(names)]):
        if _date_format(cell.strip()) is not None:
            return index
    for index, name in enumerate(lowered):
        if name.endswith(("time", "date", "timestamp")) and _is_epoch(sample, index):
            return index
    return 0 if len(names) > 1 and _is_epoch(sample, 0) else None


def _is_epoch(sample: list[str], index: int) -> bool:
    try:
        value = float(sample[index])
    except (ValueError, IndexError):
        return False
    return 5e8 <= value <= 5e9 or 5e11 <= value <= 5e12 or 5e14 <= value <= 5e15 or value >= 5e17


def _date_format(cell: str) -> str | None:
    """`iso`, a strptime format, or None for a cell that is no date."""
    if len(cell) < 8 or not any(mark in cell for mark in "-/.:T"):
        return None
    try:
        datetime.fromisoformat(cell)
    except ValueError:
        pass
    else:
        return "iso"
    for known in _FORMATS:
        try:
            datetime.strptime(cell, known).replace(tzinfo=UTC)
        except ValueError:
            continue
        return known
    return None


class TimeReader:
    """Reads a column in pieces; the first cell decides the format for all of it."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._format: str | None = None
        self._parts = 1.0
        self.dated = True

    def read(self, cells: Sequence[str], first_line: int) -> Floats:
        """Unix seconds, shape (n,); raises ScoreError with the line of a cell that is no time."""
        if not cells:
            return np.empty(0)
        if self._format is None:
            self._decide(cells[0].strip(), first_line)
        if self._format == "epoch":
            return self._epochs(cells, first_line)
        if self._format == "iso":
            fast = _iso(cells)
            if fast is not None:
                return fast
        return np.array([self._one(cell, first_line + i) for i, cell in enumerate(cells)])

    def _decide(self, cell: str, line: int) -> None:
        self._format = _date_format(cell)
        if self._format is not None:
            return
        try:
            value = float(cell)
        except ValueError:
            raise ScoreError(f"{self._file}: line {line}: {cell[:40]!r} is not a time") from None
        self._format = "epoch"
        self.dated = abs(value) >= 1e8
        self._parts = next((parts for above, parts in _EPOCH_PARTS if abs(value) > above), 1.0)

    def _epochs(self, cells: Sequence[str], first_line: int) -> Floats:
        try:
            numbers = np.array(cells, dtype=np.float64)
        except ValueError:
            numbers = np.full(len(cells), np.nan)
            for index, cell in enumerate(cells):
                try:
                    numbers[index] = float(cell)
                except ValueError:
                    break
        times = numbers / self._parts
        sound = np.abs(times) <= _FARTHEST_S
        if not sound.all():
            bad = int(np.argmin(sound))
            line = first_line + bad
            raise ScoreError(f"{self._file}: line {line}: {cells[bad][:40]!r} is not a time")
        return times

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
            raise ScoreError(f"{self._file}: line {line}: {cell[:40]!r} is not a time") from None


def _iso(cells: Sequence[str]) -> Floats | None:
    """Many ISO times at once; None where numpy is stricter than the standard library."""
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

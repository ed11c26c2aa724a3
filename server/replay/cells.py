"""One cell → a number, a missing value, or neither; and a time column's cells → unix seconds."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum, auto
from typing import Final

from device_agent.wire.pack import ABSOLUTE_FROM_S, LATEST_S

_MISSING: Final = frozenset(
    ("", "na", "n/a", "nan", "null", "none", "nil", "-", "--", "?", "inf", "-inf", "+inf", "#n/a")
)
_TRUTH: Final = {"true": True, "false": False}
_DATE_FORMATS: Final = (
    "%d.%m.%Y %H:%M:%S",
    "%d.%m.%Y %H:%M",
    "%d/%m/%Y %H:%M:%S",
    "%d/%m/%Y %H:%M",
    "%m/%d/%Y %H:%M:%S",
    "%m/%d/%Y %H:%M",
    "%Y/%m/%d %H:%M:%S",
    "%Y/%m/%d %H:%M",
    "%m/%d/%Y %I:%M:%S %p",
)
# A count since 1970 is told by its size: seconds of 1978 to 5138 end where milliseconds begin.
_SCALES: Final = ((1e11, 1.0), (1e14, 1e-3), (1e17, 1e-6), (1e20, 1e-9))


class NotANumber(ValueError):
    """The cell holds text."""


def parse_number(cell: str, *, decimal_comma: bool) -> float | bool | None:
    """The cell's value; None: nothing was measured. Raises NotANumber for text."""
    text = cell.strip()
    lower = text.lower()
    if lower in _MISSING:
        return None
    if lower in _TRUTH:
        return _TRUTH[lower]
    if decimal_comma:
        text = text.replace(".", "").replace(",", ".") if "," in text else text
    try:
        value = float(text)
    except ValueError as error:
        raise NotANumber from error
    return value if math.isfinite(value) else None


def is_value(cell: str, *, comma: bool) -> bool:
    """Whether the cell is a number or nothing."""
    try:
        parse_number(cell, decimal_comma=comma)
    except NotANumber:
        return False
    return True


class TimeKind(Enum):
    """What a time column counts from."""

    ABSOLUTE = auto()
    RELATIVE = auto()


@dataclass(frozen=True, slots=True)
class TimeColumn:
    """How a file writes its times; `parse` raises ValueError for a cell that is none."""

    kind: TimeKind
    how: str
    parse: Callable[[str], float]


def read_times(cells: Sequence[str], *, form: str | None, decimal_comma: bool) -> TimeColumn | None:
    """How `cells` (a column's first ones) write times, or None if they do not.

    `form` is a strptime format that is known already. Times without a zone are UTC.
    """
    if not cells:
        return None
    if form is not None:
        candidates = [TimeColumn(TimeKind.ABSOLUTE, form, _by_format(form))]
    else:
        candidates = [TimeColumn(TimeKind.ABSOLUTE, "ISO 8601", _iso)]
        counted = _counted(cells, decimal_comma=decimal_comma)
        # A bare count would pass as compact ISO: 1459410407349 is not a date.
        candidates = [counted] if counted else candidates
        candidates += [TimeColumn(TimeKind.ABSOLUTE, f, _by_format(f)) for f in _DATE_FORMATS]
    for candidate in candidates:
        if _fits(candidate.parse, cells):
            return candidate
    return None


def _counted(cells: Sequence[str], *, decimal_comma: bool) -> TimeColumn | None:
    def number(cell: str) -> float:
        value = parse_number(cell, decimal_comma=decimal_comma)
        if value is None or isinstance(value, bool):
            raise ValueError
        return value

    try:
        largest = max(abs(number(cell)) for cell in cells)
    except ValueError:
        return None
    if largest < ABSOLUTE_FROM_S:
        return TimeColumn(TimeKind.RELATIVE, "seconds from a beginning", number)
    for limit, scale in _SCALES:
        if largest < limit:
            return _unix(number, scale)
    return None


def _unix(number: Callable[[str], float], scale: float) -> TimeColumn:
    return TimeColumn(
        TimeKind.ABSOLUTE, f"unix time in units of {scale:g} s", lambda cell: number(cell) * scale
    )


def _iso(cell: str) -> float:
    return _to_unix(datetime.fromisoformat(cell.strip()))


def _by_format(form: str) -> Callable[[str], float]:
    def parse(cell: str) -> float:
        return _to_unix(datetime.strptime(cell.strip(), form))  # noqa: DTZ007 - zone follows

    return parse


def _to_unix(moment: datetime) -> float:
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _fits(parse: Callable[[str], float], cells: Sequence[str]) -> bool:
    try:
        return all(abs(parse(cell)) <= LATEST_S for cell in cells)
    except (ValueError, OverflowError):
        return False

"""Local dates: day, month and year in any order, whose order all of the first cells decide together."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import date
from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_DAY: Final = re.compile(r"(\d{1,4})([./-])(\d{1,2})\2(\d{1,4})$")
_CLOCK: Final = re.compile(
    r"(\d{1,2})[:.](\d{2})(?:[:.](\d{2})(?:[.,](\d{1,9}))?)?\s*([AaPp]\.?[Mm]\.?)?"
    r"\s*(Z|z|UTC|GMT|[+-]\d{2}:?\d{2})?$"
)
_CLOCK_ONLY: Final = re.compile(
    r"\d{1,2}(?::\d{2}(?::\d{2}(?:[.,]\d+)?)?|\.\d{2}\.\d{2})(\s*[AaPp]\.?[Mm]\.?)?$"
)
_DAY_S: Final = 86_400.0
_EPOCH: Final = date(1970, 1, 1).toordinal()
_MOST_KNOWN: Final = 200_000
ORDERS: Final = {"ymd": "year first", "dmy": "day first", "mdy": "month first"}


def is_clock(cell: str) -> bool:
    """Whether the cell is a time of day without a date."""
    return bool(_CLOCK_ONLY.match(cell))


def is_local_date(cell: str) -> bool:
    """Whether the cell is a date, with a time of day or without, in some order of its parts."""
    day, clock = _parted(cell)
    return len(cell) >= len("1/1/2026") and not math.isnan(_clock_s(clock)) and bool(_orders([day]))


class LocalDates:
    """Reads cells by one order of day, month and year; the first cells decide which."""

    def __init__(self, cells: Sequence[str]) -> None:
        days = list(dict.fromkeys(_parted(cell)[0] for cell in cells))
        orders = _orders(days) or _orders(days[:1])
        self.order = min(orders, key=lambda order: _unevenness(days, order)) if orders else "dmy"
        self._days: dict[str, float] = {}
        self._clocks: dict[str, float] = {}

    def read(self, cells: Sequence[str]) -> Floats:
        """Unix seconds (n,), as of UTC where no zone is given; NaN for what is no time."""
        days, clocks, order = self._days, self._clocks, self.order
        if len(clocks) > _MOST_KNOWN:
            clocks.clear()
        times = np.empty(len(cells))
        for at, cell in enumerate(cells):
            day, clock = _parted(cell)
            day_s = days.get(day)
            if day_s is None:
                day_s = days[day] = _day_s(day, order)
            clock_s = clocks.get(clock)
            if clock_s is None:
                clock_s = clocks[clock] = _clock_s(clock)
            times[at] = day_s + clock_s
        return times


def _parted(cell: str) -> tuple[str, str]:
    day, _, clock = cell.strip().partition(" ")
    if not clock and "T" in day:
        day, _, clock = day.partition("T")
    return day.rstrip(","), clock.lstrip()


def _orders(days: Sequence[str]) -> list[str]:
    """The orders in which all of the days are days."""
    return [order for order in ORDERS if all(not math.isnan(_day_s(day, order)) for day in days)]


def _unevenness(days: Sequence[str], order: str) -> float:
    """How far time jumps from one date to the next: read in the wrong order it leaps over months.

    Points part day, month and year wherever they are used.
    """
    if order == "mdy" and "." in days[0]:
        return math.inf
    places = np.array([_day_s(day, order) for day in days])
    return float(np.nansum(np.abs(np.diff(places))))


def _day_s(day: str, order: str) -> float:
    found = _DAY.match(day)
    if found is None:
        return math.nan
    parts = dict(zip(order, (found.group(1), found.group(3), found.group(4)), strict=True))
    if len(parts["y"]) not in {2, 4} or len(parts["m"]) > 2 or len(parts["d"]) > 2:
        return math.nan
    if order == "ymd" and len(parts["y"]) != len("2026"):
        return math.nan
    year = int(parts["y"]) + (2000 if len(parts["y"]) == 2 else 0)
    try:
        return (date(year, int(parts["m"]), int(parts["d"])).toordinal() - _EPOCH) * _DAY_S
    except ValueError:
        return math.nan


def _clock_s(clock: str) -> float:
    """Seconds since midnight UTC; 0 for nothing."""
    if not clock:
        return 0.0
    found = _CLOCK.match(clock)
    if found is None:
        return math.nan
    hours, minutes, seconds = int(found.group(1)), int(found.group(2)), int(found.group(3) or 0)
    if (half := found.group(5)) is not None:
        if not 1 <= hours <= 12:
            return math.nan
        hours = hours % 12 + (12 if half[0] in "pP" else 0)
    if hours > 24 or minutes > 59 or seconds > 60:
        return math.nan
    part = float(f"0.{found.group(4) or 0}")
    return hours * 3600.0 + minutes * 60.0 + seconds + part - _zone_s(found.group(6))


def _zone_s(zone: str | None) -> float:
    if zone is None or zone[0] not in "+-":
        return 0.0
    digits = zone[1:].replace(":", "")
    return (1.0 if zone[0] == "+" else -1.0) * (int(digits[:2]) * 3600.0 + int(digits[2:]) * 60.0)

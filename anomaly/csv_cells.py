"""Cells of a table as numbers: decimal points and commas, two-state words, and the many spellings of nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

BEYOND: Final = 1e100
"""No quantity is larger: such numbers are as good as missing."""
MISSING: Final = frozenset((
    "", "na", "n/a", "#n/a", "#na", "null", "none", "nil", "nan", "-nan", "-", "--", "---", "?", ".", "*", "inf", "-inf",
    "+inf", "infinity", "-infinity", "missing", "unknown", "unavailable", "undefined", "n.a.", "nd", "n/d", "error",
    "#error", "#value!", "#div/0!", "#ref!",
))  # fmt: skip
_FLAGS: Final = {
    "true": 1.0, "false": 0.0, "on": 1.0, "off": 0.0, "yes": 1.0, "no": 0.0, "open": 1.0, "closed": 0.0,
    "up": 1.0, "down": 0.0, "enabled": 1.0, "disabled": 0.0, "active": 1.0, "inactive": 0.0,
}  # fmt: skip
_COMMA: Final = re.compile(r"[+-]?\d*,\d+(?:[eE][+-]?\d+)?$")
_DOTS_THEN_COMMA: Final = re.compile(r"[+-]?\d{1,3}(?:[.' ]\d{3})+,\d+$")
_COMMAS: Final = re.compile(r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d+)?$")


def is_number(cell: str, *, commas: bool = False) -> bool:
    """Whether the cell reads as a number, which may be NaN or infinite; `commas`: also 3,5."""
    try:
        float(cell)
    except ValueError:
        return commas and _with_comma(cell, decimal=True) is not None
    return True


def as_flag(cell: str) -> float | None:
    """1 or 0 of a word for one of two states."""
    return _FLAGS.get(cell.strip().lower())


def number_of(cell: str, *, commas: bool = False) -> float:
    """The cell's number, NaN for none. `commas`: 1,234 is one and a bit, not a thousand and more."""
    flag = as_flag(cell)
    if flag is not None:
        return flag
    try:
        return float(cell)
    except ValueError:
        read = _with_comma(cell, decimal=commas)
        return float("nan") if read is None else read


def numbers_of(cells: Sequence[str], *, commas: bool = False) -> Floats:
    """Many cells (n,), NaN where there is no number or one beyond 1e100."""
    numbers = _at_once(cells, commas=commas)
    numbers[~(np.abs(numbers) <= BEYOND)] = np.nan
    return numbers


def share_of_numbers(cells: Sequence[str], *, commas: bool = False) -> float:
    """Of the cells that hold anything, the share 0..1 that are numbers or two-state words."""
    held = [cell for cell in cells if cell.strip().lower() not in MISSING]
    if not held:
        return 0.0
    return float(np.isfinite(numbers_of(held, commas=commas)).mean())


def _at_once(cells: Sequence[str], *, commas: bool) -> Floats:
    try:
        return np.array(cells, dtype=np.float64)
    except ValueError:
        pass
    if commas:
        try:
            dotted = "\n".join(cells).replace(",", ".").split("\n")
            # A thousand's point beside a decimal comma makes two points, and float refuses those.
            return (
                np.array(dotted, dtype=np.float64)
                if len(dotted) == len(cells)
                else _each(cells, commas=True)
            )
        except ValueError:
            pass
    return _each(cells, commas=commas)


def _each(cells: Sequence[str], *, commas: bool) -> Floats:
    return np.array([number_of(cell, commas=commas) for cell in cells])


def _with_comma(cell: str, *, decimal: bool) -> float | None:
    text = cell.strip()
    if not decimal and _COMMAS.match(text):
        return float(text.replace(",", ""))
    if _COMMA.match(text):
        return float(text.replace(",", "."))
    if _DOTS_THEN_COMMA.match(text):
        return float(re.sub(r"[.' ]", "", text).replace(",", "."))
    return None

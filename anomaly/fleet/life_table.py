"""Tables of units over time, as CSV: which column is the unit, which the time, which the settings."""

from __future__ import annotations

import csv
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from anomaly.csv_cells import number_of, numbers_of
from anomaly.csv_head import open_text
from anomaly.errors import LifeError, ScoreError

Floats = npt.NDArray[np.float64]
BEYOND = 1e30
"""No quantity is larger: such numbers are as good as missing. Trees reckon in single precision, to 3e38."""


@dataclass(frozen=True, slots=True)
class UnitTable:
    """Rows of all units in file order; `values` has shape (rows, len(names)), missing is NaN."""

    units: list[str]
    times: Floats
    names: list[str]
    values: Floats

    def unit_rows(self) -> list[tuple[str, npt.NDArray[np.intp]]]:
        """Each unit with its rows in order of time, units in order of appearance."""
        places: dict[str, list[int]] = {}
        for index, unit in enumerate(self.units):
            places.setdefault(unit, []).append(index)
        out = []
        for unit, rows in places.items():
            order = np.array(rows, np.intp)
            out.append((unit, order[np.argsort(self.times[order], kind="stable")]))
        return out


def read_units(path: Path, unit: str, time: str) -> UnitTable:
    """Read a CSV (`, ; tab` or spaces, .gz); raises LifeError naming the column or line."""
    header, rows, commas = _read(path)
    for wanted in (unit, time):
        if wanted not in header:
            raise LifeError(f"{path.name}: no column {wanted!r}; it has {', '.join(header[:40])}")
    if not rows:
        raise LifeError(f"{path.name}: there are no rows")
    unit_at, time_at = header.index(unit), header.index(time)
    others = [i for i in range(len(header)) if i not in {unit_at, time_at}]
    columns = list(zip(*rows, strict=True))
    times = _numbers(columns[time_at], commas=commas)
    timed = np.isfinite(times) & (np.abs(times) <= BEYOND)
    if not timed.all():
        line = int(np.argmin(timed)) + 2
        raise LifeError(
            f"{path.name}: line {line}: column {time!r} is not a number up to {BEYOND:g}"
        )
    values = np.empty((len(rows), len(others)))
    for place, index in enumerate(others):
        values[:, place] = _numbers(columns[index], commas=commas)
    names = [header[i] for i in others]
    usable = np.isfinite(values).any(axis=0)
    if not usable.any():
        raise LifeError(f"{path.name}: no column besides {unit!r} and {time!r} holds numbers")
    keep = np.flatnonzero(usable)
    return UnitTable(
        [cell.strip() for cell in columns[unit_at]],
        times,
        [names[i] for i in keep],
        values[:, keep],
    )


def _read(path: Path) -> tuple[list[str], list[list[str]], bool]:
    """Header, rows, and whether commas may part whole from broken."""
    try:
        text, raw = open_text(path)
        with text, raw:
            lines = [line for line in text.read().replace("\0", "").splitlines() if line.strip()]
    except ScoreError as error:
        raise LifeError(str(error)) from error
    except (OSError, EOFError, zlib.error) as error:
        raise LifeError(f"{path.name}: cannot be read: {error}") from error
    if not lines:
        raise LifeError(f"{path.name}: the file is empty")
    delimiter = max(",;\t", key=lines[0].count)
    if delimiter not in lines[0]:
        table = [line.split() for line in lines]
    else:
        table = [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=delimiter)]
    commas = delimiter != ","
    width = len(table[0])
    for number, row in enumerate(table, 1):
        if len(row) != width:
            raise LifeError(f"{path.name}: line {number} has {len(row)} cells, the first {width}")
    if all(np.isfinite(number_of(cell, commas=commas)) for cell in table[0]):
        return [f"column{i + 1}" for i in range(width)], table, commas
    return table[0], table[1:], commas


def _numbers(cells: tuple[str, ...], *, commas: bool) -> Floats:
    numbers = numbers_of(cells, commas=commas)
    numbers[~(np.abs(numbers) <= BEYOND)] = np.nan
    return numbers

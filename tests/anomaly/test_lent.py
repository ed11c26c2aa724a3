"""Lent arrays: compiled code reads and writes the caller's own memory by the same indices."""

from __future__ import annotations

import numba
import numpy as np
import pytest

from anomaly.jit import borrowed


@numba.njit
def move(table: np.ndarray, row: np.ndarray, places: np.ndarray) -> tuple[int, int]:
    table, row = borrowed(table), borrowed(row)
    for k in range(places.shape[0]):
        i = places[k]
        taken = table[int(i)]
        taken[i] += row[i]  # an index of 32 bits
        table[i, 2] = taken[0] * 2.0
        row[0] += table[int(i), 2]
    return table.shape


def test_a_lent_table_is_the_callers_own() -> None:
    table, row, places = np.arange(24.0).reshape(6, 4), np.arange(4.0), np.array([1, 3], np.int32)
    wanted, other = table.copy(), row.copy()
    assert move(table, row, places) == (6, 4)
    for i in places:
        wanted[i, i] += other[i]
        wanted[i, 2] = wanted[i, 0] * 2.0
        other[0] += wanted[i, 2]
    assert (table == wanted).all()
    assert (row == other).all()


@pytest.mark.parametrize("table", [np.zeros((6, 8))[:, ::2], np.zeros((6, 4), np.float32)])
def test_only_contiguous_float64_is_lent(table: np.ndarray) -> None:
    with pytest.raises(numba.core.errors.TypingError):
        move(table, np.zeros(4), np.zeros(1, np.int32))

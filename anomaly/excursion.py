"""Sums kept while a judged quantity is outside its band: its mean and its slope since the onset."""

from __future__ import annotations

from anomaly import state as col
from anomaly.jit import jit
from anomaly.state import Table


@jit
def begin_excursion(row: Table, b: int) -> None:
    row[b + col.ONSET] = row[b + col.IN_T]
    row[b + col.DEV_N] = 0.0
    row[b + col.DEV_SUM] = 0.0
    row[b + col.DEV_T] = 0.0
    row[b + col.DEV_TX] = 0.0
    row[b + col.DEV_TT] = 0.0
    row[b + col.EXCESS] = 0.0
    row[b + col.PEAK] = 0.0
    row[b + col.WORST] = 0.0


@jit
def note_deviation(row: Table, b: int, t: float, x: float) -> None:
    """Sums for the mean and the slope of the quantity since the onset."""
    since = t - row[b + col.ONSET]
    row[b + col.DEV_N] += 1.0
    row[b + col.DEV_SUM] += x
    row[b + col.DEV_T] += since
    row[b + col.DEV_TX] += since * x
    row[b + col.DEV_TT] += since * since


@jit
def slope(row: Table, b: int) -> float:
    """Growth of the quantity per second since the onset, by least squares."""
    n = row[b + col.DEV_N]
    spread = row[b + col.DEV_TT] - row[b + col.DEV_T] * row[b + col.DEV_T] / max(n, 1.0)
    if n < 4.0 or spread <= 0.0:
        return 0.0
    return float((row[b + col.DEV_TX] - row[b + col.DEV_T] * row[b + col.DEV_SUM] / n) / spread)

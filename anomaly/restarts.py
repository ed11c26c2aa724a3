"""When a series begins anew: after a gap longer than everything seen, which what was learned can't vouch for."""

from __future__ import annotations

from typing import Final

from anomaly import params as par
from anomaly import state as col
from anomaly.jit import jit
from anomaly.params import Params
from anomaly.state import Table

RARE: Final = 3.0  # so many usual intervals are a gap


@jit
def is_restart(row: Table, gap: float, params: Params) -> bool:
    """Whether the gap before this sample is one; learns from two such how rarely a series comes."""
    if gap <= max(params[par.RESTART_S], row[col.LAST_T] - row[col.FIRST_T]):
        return False
    if row[col.INTERVAL] <= 0.0 and row[col.SAMPLES] == 1.0 and row[col.SAMPLES_ALL] > 1.0:
        row[col.INTERVAL] = gap  # one sample after each of two long gaps: it comes so rarely
    return bool(gap > RARE * row[col.INTERVAL])

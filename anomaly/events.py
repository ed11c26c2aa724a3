"""Events which the compiled loop writes for the engine to put into words: a table of numbers."""

from __future__ import annotations

from typing import Final

from anomaly.jit import jit
from anomaly.state import Table

E_SERIES, E_CODE, E_WHAT, E_T, E_ONSET, E_NOW, E_USUAL, E_LOW, E_HIGH, E_Z, E_SLOPE, E_EXTRA = (
    range(12)
)
E_WIDTH: Final = 12

# Numbers passed to compiled functions are floats throughout: a whole number would make the compiler
# build a variant of its own.
# What the event is about; the engine's table turns each into a kind of finding.
(
    C_LEVEL, C_PROFILE, C_NOISE, C_STUCK, C_RANGE, C_MISSING, C_SPIKE, C_RESTART, C_DEVICE, C_MOTION,
    C_RUN, C_JUMP, C_DAY, C_CALM, C_RESET, C_EVENTS,
) = map(float, range(16))  # fmt: skip


@jit
def emit(
    events: Table, count: int, series: int, code: float, what: float, t: float, onset: float,
    now: float, usual: float, low: float, high: float, z: float, slope: float, extra: float,
) -> int:  # fmt: skip
    """Write one event; returns the new count."""
    events[count, E_SERIES] = series
    events[count, E_CODE] = code
    events[count, E_WHAT] = what
    events[count, E_T] = t
    events[count, E_ONSET] = onset
    events[count, E_NOW] = now
    events[count, E_USUAL] = usual
    events[count, E_LOW] = low
    events[count, E_HIGH] = high
    events[count, E_Z] = z
    events[count, E_SLOPE] = slope
    events[count, E_EXTRA] = extra
    return count + 1

"""What a device's findings cost it: each raises the bar for the next, until the budget has paid for it.

A budget of B false episodes a day is one episode in 1 / B days. Nobody can tell from a few days of a series
that it will wander further than it did, so the first episode of such a device may well be false; the
second must not be as easy. Each episode therefore multiplies the distance and the time that further ones
need, and what was spent is paid back at the rate of the budget (the spending side of alpha-investing, Foster
and Stine 2008). A device that wanders falls silent; one that was repaired begins anew without debts.
"""

from __future__ import annotations

import math
from typing import Final

from anomaly import params as par
from anomaly import state as col
from anomaly.jit import inlined, jit
from anomaly.params import Params
from anomaly.state import Table

RAISED: Final = 2.0  # by so much of itself for each episode not yet paid for
ONE_S: Final = 3600.0  # what opens within an hour is one episode
PAID: Final = 0.01  # a debt this small is none


@inlined
def bar(device: Table, t: float, params: Params) -> float:
    """Factor on the distance and the time that a metric of this device needs for a finding."""
    debt = device[col.D_DEBT]
    if debt == 0.0:
        return 1.0
    # Of several metrics one may be behind the others: a debt is never more than it was.
    passed_s = max(0.0, t - device[col.D_DEBT_T])
    left = debt * math.exp(-passed_s * params[par.BUDGET] / 86_400.0)
    if left < PAID:
        device[col.D_DEBT] = 0.0
        return 1.0
    return float(1.0 + RAISED * left)


@inlined
def room(row: Table, b: int, t: float, params: Params) -> float:
    """Factor on a judge's margin: who wandered once is given room as a random walk takes it."""
    if params[par.BAR] == 1.0 or row[b + col.OPEN] != 0.0:
        return 1.0
    age = (t - row[b + col.START_T]) / max(row[b + col.SPAN], 1.0)
    return float(1.0 + (params[par.BAR] - 1.0) * math.sqrt(max(1.0, age)))


@jit
def spend(device: Table, t: float, params: Params) -> None:
    """A metric of the device opened a finding."""
    if t - device[col.D_DEBT_T] > ONE_S:
        device[col.D_DEBT] = (bar(device, t, params) - 1.0) / RAISED + 1.0
        device[col.D_DEBT_T] = t

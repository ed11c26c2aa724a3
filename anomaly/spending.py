"""What a device's findings cost it: each raises the bar for the next, until the budget has paid for it.

A budget of B false episodes a day is one episode in 1 / B days. Nobody can tell from a few days of a series
that it will wander further than it did, so the first episode of such a device may well be false; the
second must not be as easy. Each episode therefore multiplies the distance and the time that further ones
need, of the same metric above all, since another metric's may be a fault of its own; and what was spent is
paid back at the rate of the budget (the spending side of alpha-investing, Foster and Stine 2008). A device
that wanders falls silent; one that was repaired begins anew without debts.
"""

from __future__ import annotations

import math
from typing import Final

from anomaly import params as par
from anomaly import state as col
from anomaly.jit import inlined, jit
from anomaly.params import Params
from anomaly.state import Table

OWN: Final = 2.0  # what each episode not yet paid for asks more of a metric that has told before …
OTHERS: Final = 0.5  # … and of the device's other metrics
ONE_S: Final = 3600.0  # what opens within an hour is one episode
PAID: Final = 0.01  # a debt this small is none


@inlined
def debt_left(device: Table, t: float, params: Params) -> float:
    """Episodes that the device has not yet paid for."""
    debt = device[col.D_DEBT]
    if debt == 0.0:
        return 0.0
    # Of several metrics one may be behind the others: a debt is never more than it was.
    passed_s = max(0.0, t - device[col.D_DEBT_T])
    left = debt * math.exp(-passed_s * params[par.BUDGET] / 86_400.0)
    if left < PAID:
        device[col.D_DEBT] = 0.0
        return 0.0
    return float(left)


@jit
def bar(row: Table, params: Params) -> float:
    """Factor on the time and the margin that a metric needs for a finding."""
    told = row[col.LEVEL + col.TOLD] + row[col.PROFILE + col.TOLD] + row[col.NOISE_JUDGE + col.TOLD]
    return float(1.0 + (OWN if told > 0.0 else OTHERS) * params[par.DEBT])


@jit
def room(row: Table, b: int, t: float, params: Params) -> float:
    """Factor on a judge's margin: what wandered once is given room as a random walk takes it."""
    if row[b + col.OPEN] != 0.0:
        return 1.0
    raised = bar(row, params)
    if row[b + col.TOLD] == 0.0:
        return raised
    age = (t - row[b + col.START_T]) / max(row[b + col.SPAN], 1.0)
    return float(1.0 + (raised - 1.0) * math.sqrt(max(1.0, age)))


@jit
def spend(device: Table, t: float, params: Params) -> None:
    """A metric of the device opened a finding."""
    if t - device[col.D_DEBT_T] > ONE_S:
        device[col.D_DEBT] = debt_left(device, t, params) + 1.0
        device[col.D_DEBT_T] = t

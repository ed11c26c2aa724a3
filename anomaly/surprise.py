"""How surprising a sample is after everything its series has shown: the score's short horizon.

Three signals are watched: the value, its distance from a slow average, and the smoothed rest after
taking the time of day away. Surprise is how far a signal goes beyond the range it has ever moved in,
in widths of that range, so it needs no distribution and no unit. Ranges shrink by a hundredth of a
percent per sample: a record that is long past need not be broken again. What was just surprising is
not so again: only what exceeds the fading memory of the last surprise counts.
"""

from __future__ import annotations

import math
from typing import Final

from anomaly import state as col
from anomaly.jit import inlined
from anomaly.state import Table

DAY_S: Final = 86400.0
WARM_SAMPLES: Final = 20.0
SHRINK: Final = 1e-4  # share of half its width that a range loses per sample
FIRST_MOVE: Final = 0.3  # surprise when a series moves that never did
SLOW_SAMPLES: Final = 100.0
REST_SAMPLES: Final = 20.0
MEMORY_SAMPLES: Final = 30.0  # how long a surprise overshadows the next, at least …
MEMORY_SHARE: Final = 0.01  # … and as a share of the samples seen
HALF: Final = 0.015  # surprise that makes a score of one half
HUGE: Final = 1e150  # beyond this, squares overflow


@inlined
def surprise(row: Table, t: float, v: float) -> float:
    """Score 0..1 of this sample; learns from it."""
    n = row[col.SAMPLES_ALL]
    if abs(v) > HUGE:
        return 1.0
    if n <= 1.0:
        row[col.VALUE_LOW] = v
        row[col.VALUE_HIGH] = v
        row[col.VALUE_SLOW] = v
    away = v - row[col.VALUE_SLOW]
    row[col.VALUE_SLOW] += away * (1.0 / SLOW_SAMPLES)
    rest = v - usual_at(row, t, v)
    row[col.REST_SLOW] += (rest - row[col.REST_SLOW]) * (1.0 / REST_SAMPLES)
    found = max(
        beyond(row, col.VALUE_LOW, v),
        beyond(row, col.AWAY_LOW, away),
        beyond(row, col.REST_LOW, row[col.REST_SLOW]),
    )
    if n <= WARM_SAMPLES:
        return 0.0
    fresh = max(found - row[col.RECENT], 0.0)
    memory = max(MEMORY_SAMPLES, MEMORY_SHARE * n)
    row[col.RECENT] = max(found, row[col.RECENT]) * (1.0 - 1.0 / memory)
    return float(fresh / (fresh + HALF))


@inlined
def beyond(row: Table, at: int, x: float) -> float:
    """How far x lies outside the range kept at this place, in its widths; widens the range."""
    low, high = row[at], row[at + 1]
    width = high - low
    excess = max(x - high, low - x, 0.0)
    low, high = min(low, x), max(high, x)
    middle = 0.5 * low + 0.5 * high
    row[at] = low + (middle - low) * SHRINK
    row[at + 1] = high - (high - middle) * SHRINK
    if width > 0.0:
        return float(min(excess / width, 1e6))
    return FIRST_MOVE if excess > 0.0 else 0.0


@inlined
def usual_at(row: Table, t: float, v: float) -> float:
    """What the series usually reads at this time of day as far as it was seen; learns from v."""
    place = (t / DAY_S - math.floor(t / DAY_S)) * col.DAY_BINS
    k = math.floor(place - 0.5)
    share = place - 0.5 - k
    left = int(k) if k >= 0.0 else col.DAY_BINS - 1
    right = left + 1 if left < col.DAY_BINS - 1 else 0
    usual = row[col.VALUE_SLOW]
    visited = int(row[col.VISITED])
    if (visited >> left) & (visited >> right) & 1:
        usual = row[col.DAY + left] * (1.0 - share) + row[col.DAY + right] * share
    here = min(int(place), col.DAY_BINS - 1)
    if (visited >> here) & 1:
        pace = 0.1 if t - row[col.FIRST_T] < DAY_S else 0.02
        row[col.DAY + here] += pace * (v - row[col.DAY + here])
    else:
        row[col.VISITED] = float(visited + (1 << here))
        row[col.DAY + here] = v
    return float(usual)

"""From how far off a metric was each day to when that is a finding, and when it is over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

DAYS_IN_A_ROW: Final = 3
AT_ONCE: Final = 3.0
"""So many widths need no second day."""


@dataclass(frozen=True, slots=True)
class Run:
    """Places of days: the first that was off, the one at which that is sure, the first after it (None: none)."""

    since: int
    at: int
    end: int | None


def runs(away: npt.NDArray[np.float64], *, at_once: float = AT_ONCE) -> list[Run]:
    """`away` (days,): signed distance in widths of what is usual; NaN says neither.

    Off is a width and more; sure is what is off on three days in a row to the same side, or `at_once` widths at once.
    """
    found: list[Run] = []
    sure: int | None = None
    length = since = 0
    for day, distance in enumerate(away.tolist()):
        if np.isnan(distance):
            continue
        side = int(np.sign(distance)) if abs(distance) >= 1.0 else 0
        if side == 0 or length * side < 0:
            if sure is not None:
                found.append(Run(since, sure, day))
            sure, length = None, 0
        if side == 0:
            continue
        since = day if length == 0 else since
        length += side
        if sure is None and (abs(length) >= DAYS_IN_A_ROW or abs(distance) >= at_once):
            sure = day
    return found if sure is None else [*found, Run(since, sure, None)]

"""What people found out about findings, turned into how cautious to be with devices of that kind.

A cohort's caution multiplies the engine's own (`Engine.set_caution`): above 1 is quieter, below 1
stricter. It is a function of the labels alone, in any order, so it can be recomputed, replayed and
taken back; it moves little on few labels and stays within `CAUTION_RANGE` on any number.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

CAUTION_RANGE: Final = (0.5, 2.0)
PRIOR_LABELS: Final = 4.0
"""So many labels of one kind go half of the way to the bound."""


class Label(StrEnum):
    """What a finding turned out to be, or a fault that no finding announced."""

    CONFIRMED = "confirmed"
    MISSED = "missed"
    NO_FAULT = "no_fault"
    USEFUL = "useful"
    """The owner says so: half a confirmation."""
    NOT_USEFUL = "not_useful"
    """The owner says so: half a false alarm."""
    NEITHER = "neither"
    """An external cause: the finding was right and no fault of the device."""


# What a label adds to being stricter (first) or quieter (second). A confirmed fault says that the
# engine was right, not that it should have been quicker, and so weighs less than a missed one.
_WEIGHT: Final[dict[Label, tuple[float, float]]] = {
    Label.CONFIRMED: (0.5, 0.0),
    Label.MISSED: (2.0, 0.0),
    Label.NO_FAULT: (0.0, 1.0),
    Label.USEFUL: (0.25, 0.0),
    Label.NOT_USEFUL: (0.0, 0.5),
    Label.NEITHER: (0.0, 0.0),
}


@dataclass(frozen=True, slots=True)
class Tuning:
    """A cohort's caution and the labels that it follows from."""

    caution: float
    counts: dict[Label, int]


def tuned(labels: Iterable[Label]) -> Tuning:
    """The caution that these labels call for; 1 without any.

    >>> tuned([Label.NO_FAULT] * 4).caution
    1.414
    >>> tuned([Label.CONFIRMED] * 8 + [Label.MISSED] * 2).caution
    0.63
    """
    counts = Counter(labels)
    stricter = sum(_WEIGHT[label][0] * number for label, number in counts.items())
    quieter = sum(_WEIGHT[label][1] * number for label, number in counts.items())
    lean = quieter / (quieter + PRIOR_LABELS) - stricter / (stricter + PRIOR_LABELS)
    low, high = CAUTION_RANGE
    return Tuning(round(min(high, max(low, 2.0**lean)), 3), dict(sorted(counts.items())))

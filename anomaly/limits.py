"""Physical limits by SenML unit, and the units whose readings follow people rather than wear.

The limits are those which no healthy sensor of the kind passes, not what is comfortable. Units
without a sure limit (`/`, `count`, `m`…) have none: a load average may well exceed 1.
"""

from __future__ import annotations

import math
import re

_NONE = (-math.inf, math.inf)

PHYSICAL: dict[str, tuple[float, float]] = {
    "Cel": (-90.0, 200.0),
    "K": (183.0, 473.0),
    "%RH": (-1.0, 103.0),
    "Pa": (0.0, math.inf),
    "lux": (-1.0, math.inf),
    "lx": (-1.0, math.inf),
    "ppm": (-1.0, 1e6),
    "pH": (0.0, 14.0),
    "%EL": (-0.5, 100.5),
    "EL": (0.0, math.inf),
    "Hz": (0.0, math.inf),
    "bar": (-1.05, math.inf),
    "dBW": (-250.0, 150.0),
    "lat": (-90.0, 90.0),
    "lon": (-180.0, 180.0),
}

# Shares, rates, sizes and light: what is asked of a device rather than what state it is in.
DEMAND = frozenset(
    {"/", "%", "B", "B/s", "bit/s", "bit", "count", "1/s", "1/min", "lux", "lx", "event/s", "s"}
)


def physical_limits(unit: str) -> tuple[float, float]:
    """Lowest and highest reading that is physically sensible; infinities where unknown."""
    return PHYSICAL.get(unit, _NONE)


def narrowed_limits(unit: str, low: float, high: float) -> tuple[float, float]:
    """What a sensor says of itself, never wider than physics; infinities where neither knows."""
    least, most = physical_limits(unit)
    return max(low, least), min(high, most)


def follows_demand(unit: str) -> bool:
    """Whether the unit measures use, which may multiply without anything being wrong."""
    return unit in DEMAND


# Words in a column's name that tell its quantity, for files that carry no units.
_NAMED = (
    (re.compile(r"(^|[^a-z])(temp|temperature)([^a-z]|$)"), "Cel"),
    (re.compile(r"(^|[^a-z])(rh|humidity)([^a-z]|$)"), "%RH"),
    (re.compile(r"(^|[^a-z])co2([^a-z0-9]|$)"), "ppm"),
    (re.compile(r"(^|[^a-z])(light|lux|illuminance)([^a-z]|$)"), "lux"),
)
_GIVEN = re.compile(r"[\[(]([^\])]{1,8})[\])]\s*$")
_SPELLED = {"°C": "Cel", "C": "Cel", "degC": "Cel", "%rh": "%RH"}


def guess_unit(name: str, first_value: float) -> str:
    """The unit a column's name gives (`flow [l/min]`) or suggests; empty when in doubt.

    A first value outside the limits of a merely suggested unit refutes the suggestion.
    """
    given = _GIVEN.search(name)
    if given:
        return _SPELLED.get(given.group(1), given.group(1))
    for pattern, unit in _NAMED:
        if pattern.search(name.lower()):
            low, high = physical_limits(unit)
            return unit if low <= first_value <= high else ""
    return ""

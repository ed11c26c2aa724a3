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
    (re.compile(r"(^|[^a-z])(temp|temperature)[ _.-]?(f|degf|fahrenheit)$"), "°F"),
    (re.compile(r"(^|[^a-z])(temp|temperature)[ _.-]?(k|kelvin)$"), "K"),
    (re.compile(r"(^|[^a-z])(temp|temperature)([^a-z]|$)|(celsius|degc)$"), "Cel"),
    (re.compile(r"(^|[^a-z])(rh|humidity)([^a-z]|$)"), "%RH"),
    (re.compile(r"(^|[^a-z])co2([^a-z0-9]|$)"), "ppm"),
    (re.compile(r"(^|[^a-z])(light|lux|illuminance)([^a-z]|$)"), "lux"),
)
_GIVEN = re.compile(r"[\[(]([^\])]{1,8})[\])]\s*$|[ _,](°[CFK])$")
_LAST = re.compile(r"[ _](volts?|amps?|watts?|[mk]v|ma|kw|kwh|hpa|kpa|mbar|bar|rpm|ppm|ppb)$")
_SPELLED = {
    "°C": "Cel", "C": "Cel", "degC": "Cel", "°K": "K", "%rh": "%RH", "volt": "V", "volts": "V", "amp": "A", "amps": "A",
    "watt": "W", "watts": "W", "mv": "mV", "kv": "kV", "ma": "mA", "kw": "kW", "kwh": "kWh", "hpa": "hPa", "kpa": "kPa",
}  # fmt: skip


def guess_unit(name: str, first_value: float) -> str:
    """The unit a column's name gives (`flow [l/min]`, `supply_volts`) or suggests; empty when in doubt.

    A first value outside the limits of a merely suggested unit refutes the suggestion.
    """
    given = _GIVEN.search(name)
    if given:
        unit = (given.group(1) or given.group(2)).strip()
        if unit == "F" and "temp" in name.lower():
            return "°F"
        return _SPELLED.get(unit, unit)
    lowered = name.strip().lower()
    last = _LAST.search(lowered)
    if last:
        return _SPELLED.get(last.group(1), last.group(1))
    for pattern, unit in _NAMED:
        if pattern.search(lowered):
            low, high = physical_limits(unit)
            return unit if low <= first_value <= high else ""
    return ""


_WITH_TOLERANCE = {
    "%RH": (0.0, 100.0),
    "%EL": (0.0, 100.0),
    "lux": (0.0, math.inf),
    "lx": (0.0, math.inf),
    "ppm": (0.0, 1e6),
}


def named_limit(unit: str, limit: float) -> float:
    """The limit as people name it: readings may pass 100 % by a sensor's tolerance, but 100 % it is."""
    physical, named = physical_limits(unit), _WITH_TOLERANCE.get(unit, physical_limits(unit))
    return named[physical.index(limit)] if limit in physical else limit

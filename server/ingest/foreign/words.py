"""Foreign names and units as ours: metrics in `[a-z0-9_./-]`, ids in `[A-Za-z0-9_-]`, SenML's units."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from device_agent.wire import WireError
from device_agent.wire.text import clean

_METRIC_CHARS: Final = 128
_ID_CHARS: Final = 64
_NOT_IN_METRIC: Final = re.compile(r"[^a-z0-9_./-]+")
_NOT_IN_ID: Final = re.compile(r"[^A-Za-z0-9_-]+")
_UNIT: Final = re.compile(r"[!-~]{1,32}")

UNITS: Final = {
    "°C": "Cel", "C": "Cel", "℃": "Cel", "degC": "Cel", "°F": "degF", "F": "degF",
    "°": "deg", "Ω": "Ohm", "Watt": "W", "Volt": "V", "Ampere": "A",
    "m³": "m3", "m³/h": "m3/h", "m²": "m2", "m/s²": "m/s2", "ft³": "ft3",
    "µg/m³": "ug/m3", "μg/m³": "ug/m3", "mg/m³": "mg/m3", "µS/cm": "uS/cm", "μS/cm": "uS/cm",
    "W/m²": "W/m2", "B/s": "B/s",
}  # fmt: skip
"""Spellings in the field → SenML's; what is not here and is plain ASCII stays as it is."""


@lru_cache(maxsize=8192)
def metric(*parts: str) -> str:
    """A metric's name from the words of a path; raises WireError where nothing is left.

    >>> metric("ENERGY", "ApparentPower"), metric("Outlet temperature (°C)")
    ('energy/apparentpower', 'outlet_temperature_c')
    """
    words = (_NOT_IN_METRIC.sub("_", part.lower()).strip("_/") for part in parts)
    name = "/".join(word for word in words if word)[:_METRIC_CHARS]
    if not name:
        raise WireError("n", f"nothing of {clean('/'.join(parts), 40)!r} can be a metric's name")
    return name


@lru_cache(maxsize=8192)
def device_id(text: str) -> str:
    """A device's id; raises WireError where nothing is left.

    >>> device_id("kitchen/lamp 2")
    'kitchen-lamp-2'
    """
    found = _NOT_IN_ID.sub("-", text).strip("-")[:_ID_CHARS]
    if not found:
        raise WireError("device_id", f"nothing of {clean(text, 40)!r} can be a device's id")
    return found


@lru_cache(maxsize=512)
def unit(text: str) -> str:
    """SenML's spelling; empty where a unit can't be written in 32 visible ASCII characters."""
    found = UNITS.get(text.strip(), text.strip().replace(" ", ""))
    return found if _UNIT.fullmatch(found) else ""

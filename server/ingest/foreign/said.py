"""What a foreign message says, of whom."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import isfinite

from device_agent.wire import DeviceState, Pack, TextReading, WireError
from device_agent.wire.pack import ABSOLUTE_FROM_S, LATEST_S
from device_agent.wire.text import check_text

MAX_READINGS = 20_000
"""Of one message: a foreign product that says more is broken."""


@dataclass(slots=True)
class Said:
    """Of one device. Every topic of `through` must be one that may speak for it."""

    device_id: str
    through: tuple[str, ...]
    pack: Pack | None = None
    dated: bool = False
    """The samples carry a time of their own."""
    state: DeviceState | None = None
    question: tuple[str, bytes] | None = None
    """(topic, payload) to be published if the device is who it says: a rebirth is asked for."""
    faults: list[tuple[str, str]] = field(default_factory=list)
    """(field, reason) of parts that were not understood."""


class Readings:
    """Collects a pack; numbers are judged here as the wire judges its own."""

    def __init__(self, time_s: float) -> None:
        self.time_s = time_s
        self._pack = Pack(None, None, [], [], [], [])

    def add(
        self, name: str, value: float | bool | str, unit: str = "", time_s: float | None = None
    ) -> None:
        """Raises WireError for what no sample may be."""
        at_s = self.time_s if time_s is None else time_s
        if not ABSOLUTE_FROM_S <= at_s <= LATEST_S:
            raise WireError("t", "is outside the years 1978 to 9999")
        if len(self._pack) >= MAX_READINGS:
            raise WireError("payload", f"says more than {MAX_READINGS} things")
        if isinstance(value, str):
            self._pack.texts.append(TextReading(name, at_s, check_text("vs", value)))
            return
        if not isinstance(value, bool):
            value = _number(name, value)
        self._pack.names.append(name)
        self._pack.times_s.append(at_s)
        self._pack.values.append(value)
        self._pack.units.append(unit)

    def pack(self) -> Pack | None:
        """None where nothing was added."""
        return self._pack if len(self._pack) else None


def _number(name: str, value: float) -> float:
    try:
        number = float(value)
    except OverflowError:
        number = float("inf")
    if not isfinite(number):
        raise WireError("v", f"{name} is not a finite number")
    return number


def online(status: str, time_s: float) -> DeviceState | None:
    """The words that products have for their state; None for any other word.

    >>> online("Online", 1e9).reason, online("offline", 1e9).reason, online("maybe", 1e9)
    ('birth', 'will', None)
    """
    match status.strip().lower():
        case "online" | "true" | "1" | "alive" | "connected":
            return DeviceState("online", "birth", time_s)
        case "offline" | "false" | "0" | "dead" | "disconnected":
            return DeviceState("offline", "will", time_s)
        case _:
            return None

"""Measured values: parallel lists on the way through, single readings for who wants them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

Value = float | bool | str


class Reading(NamedTuple):
    """One value: its time in unix seconds, and the microcontroller's own clock in ms where it has one."""

    name: str
    value: Value
    unit: str
    time_s: float
    mcu_ms: int | None


@dataclass(frozen=True, slots=True)
class Readings:
    """What one frame or line held. The lists are parallel.

    ``times_s`` are unix seconds: mapped from ``mcu_ms`` (unwrapped, None without such a clock), else
    the time of arrival. ``failed`` names metrics whose sensor gave no value.
    """

    names: list[str]
    values: list[Value]
    units: list[str]
    times_s: list[float]
    mcu_ms: list[int] | None = None
    failed: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[Reading]:
        clock: list[int] | list[None] = self.mcu_ms or [None] * len(self.names)
        rows = zip(self.names, self.values, self.units, self.times_s, clock, strict=True)
        return (Reading(*row) for row in rows)

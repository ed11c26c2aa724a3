"""Faults as data: which machine, what, since when, how fast."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from server.demo.fleet.signals import Floats
from server.demo.fleet.weather import DAY_S


class FaultKind(StrEnum):
    """What can go wrong; the first five are physics, the last three are the sensor or the link."""

    REFRIGERANT_LEAK = "refrigerant_leak"
    BEARING_WEAR = "bearing_wear"
    CLOGGED_FILTER = "clogged_filter"
    FAN_FAILURE = "fan_failure"
    VALVE_LEAK = "valve_leak"
    STUCK_SENSOR = "stuck_sensor"
    SENSOR_OUT_OF_RANGE = "sensor_out_of_range"
    SILENT = "silent"


@dataclass(frozen=True, slots=True)
class Fault:
    """Grows from 0 at `start_s` by `per_day` to at most 1, and is gone from `end_s` on."""

    device_id: str
    kind: FaultKind
    start_s: float
    per_day: float
    end_s: float = float("inf")
    metric: str | None = None
    """The sensor concerned, for faults of a sensor."""

    def level(self, times_s: Floats) -> Floats:
        """How far it has gone at each time, 0 to 1."""
        grown = np.clip((times_s - self.start_s) / DAY_S * self.per_day, 0.0, 1.0)
        return np.asarray(np.where(times_s < self.end_s, grown, 0.0))

    def active(self, times_s: Floats) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Whether it is there at all at each time."""
        return np.asarray((times_s >= self.start_s) & (times_s < self.end_s))


@dataclass(frozen=True, slots=True)
class Condition:
    """The faults of one machine over one block of time."""

    faults: tuple[Fault, ...]
    times_s: Floats

    def level(self, kind: FaultKind) -> Floats:
        """The worst level among faults of `kind` at each time; zeros if there is none."""
        worst = np.zeros_like(self.times_s)
        for fault in self.faults:
            if fault.kind is kind:
                worst = np.maximum(worst, fault.level(self.times_s))
        return worst

    def of_sensors(self) -> Iterable[Fault]:
        return (f for f in self.faults if f.metric is not None)

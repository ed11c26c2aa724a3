"""A compressor that keeps a cold store at -20 degrees: doors, defrosts, a condenser in the yard."""

from __future__ import annotations

from typing import Final

import numpy as np

from server.demo.fleet.faults import Condition, FaultKind
from server.demo.fleet.metrics import Metric
from server.demo.fleet.signals import Floats, Lag, Wander
from server.demo.fleet.weather import Climate, bump, every, hour_of_day, is_weekend

METRICS: Final = (
    Metric("room/temperature", "Cel", 0.05, 0.1, -50, 60, broken_shows=850.0),
    Metric("suction/pressure", "Pa", 900, 500, 0, 1_000_000),
    Metric("condensing/pressure", "Pa", 4_000, 1_000, 0, 3_500_000),
    Metric("compressor/current", "A", 0.12, 0.05, 0, 80),
    Metric("oil/temperature", "Cel", 0.15, 0.1, -20, 150, broken_shows=850.0),
    Metric("fan/current", "A", 0.01, 0.01, 0, 10),
    Metric("vibration/rms", "m/s2", 0.06, 0.01, 0, 100),
    Metric("electrical/power", "W", 60, 10, 0, 60_000),
)

_DEFROST_PERIOD_S: Final = 6 * 3600.0
_DEFROST_S: Final = 1_500.0


class ColdStore:
    """Heat through walls and doors sets the compressor's load; the yard's air takes it away."""

    metrics = METRICS
    disturbances = 2

    def __init__(self, climate: Climate, size: float, offset_s: float) -> None:
        """`size` scales room and machine alike; `offset_s` shifts its four defrosts a day."""
        self._climate = climate
        self._size = size
        self._offset_s = offset_s
        self._room = Lag(2_400.0)
        self._load = Lag(900.0)
        self._condenser = Lag(150.0)
        self._oil = Lag(1_800.0)
        self._doors = Wander(1_200.0, 0.03)
        self._air = Wander(2_700.0, 0.4)

    def advance(
        self, times_s: Floats, step_s: float, normals: Floats, condition: Condition
    ) -> dict[str, Floats]:
        """True values at `times_s`; `normals` has one row a time and `disturbances` columns."""
        leak = condition.level(FaultKind.REFRIGERANT_LEAK)
        wear = condition.level(FaultKind.BEARING_WEAR)
        fan = condition.level(FaultKind.FAN_FAILURE)
        ambient = (
            self._climate.outdoor_celsius(times_s) + 6.0 + self._air.walk(normals[:, 1], step_s)
        )
        # Trucks come from six to two, fewer at weekends.
        traffic = bump(hour_of_day(times_s), 10.0, 2.6) * (1.0 - 0.2 * is_weekend(times_s))
        doors = 0.16 * traffic + self._doors.walk(normals[:, 0], step_s)
        defrost = every(times_s, _DEFROST_PERIOD_S, _DEFROST_S, self._offset_s)
        heat = 0.42 + 0.008 * ambient + doors + 0.12 * leak + 0.1 * fan
        load = np.clip(self._load.follow(heat - 0.3 * defrost, step_s), 0.1, 1.0)
        room = self._room.follow(
            -21.0 + 5.0 * doors + 3.5 * defrost + 2.5 * leak + 3.0 * fan, step_s
        )
        evaporating = room - 7.0 - 5.0 * leak + 2.0 * defrost
        condensing = self._condenser.follow(ambient + 14.0 + 9.0 * load + 16.0 * fan, step_s)
        lift = condensing - evaporating
        current = self._size * 34.0 * load * (0.55 + 0.009 * lift) * (1 + 0.05 * wear)
        fan_current = self._size * 1.9 * (1 - 0.85 * fan)
        oil = self._oil.follow(
            38.0 + 18.0 * load + 0.25 * condensing + 9.0 * leak + 12.0 * wear, step_s
        )
        return {
            "room/temperature": room,
            # R449A: about 3.6 % a degree at the cold end, 2.7 % at the warm one.
            "suction/pressure": 276_000 * np.exp(0.036 * (evaporating + 20.0)) * (1 - 0.1 * leak),
            "condensing/pressure": 1_340_000 * np.exp(0.027 * (condensing - 30.0)),
            "compressor/current": current,
            "oil/temperature": oil,
            "fan/current": fan_current,
            "vibration/rms": 1.3 + 1.1 * load + 5.5 * wear**1.5,
            "electrical/power": 1.732 * 400.0 * 0.85 * current + 230.0 * fan_current,
        }

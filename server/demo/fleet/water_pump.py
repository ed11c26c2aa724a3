"""A speed-controlled pump in a waterworks: it holds the pressure while a district drinks."""

from __future__ import annotations

from typing import Final

import numpy as np

from server.demo.fleet.faults import Condition, FaultKind
from server.demo.fleet.metrics import Metric
from server.demo.fleet.signals import Floats, Lag, Wander
from server.demo.fleet.weather import Climate, bump, hour_of_day, is_weekend

METRICS: Final = (
    Metric("water/flow", "l/s", 0.15, 0.05, 0, 120),
    Metric("discharge/pressure", "Pa", 1_500, 500, 0, 1_600_000),
    Metric("motor/speed", "Hz", 0.1, 0.05, 0, 60),
    Metric("motor/current", "A", 0.15, 0.05, 0, 120),
    Metric("motor/temperature", "Cel", 0.15, 0.1, -20, 180, broken_shows=850.0),
    Metric("bearing/temperature", "Cel", 0.12, 0.1, -20, 180, broken_shows=850.0),
    Metric("vibration/rms", "m/s2", 0.05, 0.01, 0, 10),
)


class WaterPump:
    """The district's thirst sets the flow, the controller the speed, friction the temperatures."""

    metrics = METRICS
    disturbances = 2

    def __init__(self, climate: Climate, size: float, offset_s: float) -> None:
        """`size` scales district and pump alike; `offset_s` shifts its daily rhythm a little."""
        self._climate = climate
        self._size = size
        self._offset_s = offset_s
        self._flow = Lag(240.0)
        self._motor = Lag(2_700.0)
        self._bearing = Lag(1_800.0)
        self._taps = Wander(900.0, 0.025)
        self._hall = Wander(1_800.0, 0.15)

    def advance(
        self, times_s: Floats, step_s: float, normals: Floats, condition: Condition
    ) -> dict[str, Floats]:
        """True values at `times_s`; `normals` has one row a time and `disturbances` columns."""
        wear = condition.level(FaultKind.BEARING_WEAR)
        clog = condition.level(FaultKind.CLOGGED_FILTER)
        seal = condition.level(FaultKind.VALVE_LEAK)
        hour = hour_of_day(times_s - self._offset_s)
        weekend = is_weekend(times_s)
        # Weekends start a little later and flatter.
        morning = bump(hour - 0.4 * weekend, 7.2, 1.7) * (1 - 0.06 * weekend)
        thirst = 0.42 + 0.34 * morning + 0.30 * bump(hour, 19.2, 2.3) + 0.12 * bump(hour, 12.8, 2.2)
        thirst = thirst + self._taps.walk(normals[:, 0], step_s)
        demand = self._flow.follow(np.clip(thirst, 0.1, 1.2), step_s)
        delivered = demand * (1 - 0.45 * clog)
        speed = np.clip(27.0 + 16.0 * demand + 5.0 * clog + 2.0 * seal, 15.0, 50.0)
        pressure = 430_000 - 22_000 * demand - 90_000 * clog - 55_000 * seal
        torque = 0.3 + 0.7 * delivered + 0.08 * wear
        current = self._size * (6.0 + 44.0 * torque * (speed / 45.0) ** 2)
        hall = (
            14.0
            + 0.1 * self._climate.outdoor_celsius(times_s)
            + self._hall.walk(normals[:, 1], step_s)
        )
        motor = self._motor.follow(hall + 14.0 + 26.0 * torque + 5.0 * clog, step_s)
        bearing = self._bearing.follow(hall + 10.0 + 0.35 * speed + 16.0 * wear**1.3, step_s)
        return {
            "water/flow": self._size * 52.0 * delivered,
            "discharge/pressure": pressure,
            "motor/speed": speed,
            "motor/current": current,
            "motor/temperature": motor,
            "bearing/temperature": bearing,
            "vibration/rms": 0.7 + 0.028 * speed + 5.0 * wear**1.5 + 0.9 * clog,
        }

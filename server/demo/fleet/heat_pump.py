"""An inverter-driven air-to-water heat pump that heats a house."""

from __future__ import annotations

from typing import Final

import numpy as np

from server.demo.fleet.faults import Condition, FaultKind
from server.demo.fleet.metrics import Metric
from server.demo.fleet.signals import Floats, Lag, Wander
from server.demo.fleet.weather import Climate, bump, every, hour_of_day, is_weekend

METRICS: Final = (
    Metric("outdoor/temperature", "Cel", 0.08, 0.1, -40, 60, broken_shows=-40.0),
    Metric("supply/temperature", "Cel", 0.06, 0.1, -10, 120, broken_shows=850.0),
    Metric("return/temperature", "Cel", 0.06, 0.1, -10, 120, broken_shows=850.0),
    Metric("compressor/current", "A", 0.05, 0.01, 0, 40),
    Metric("compressor/speed", "Hz", 0.3, 0.1, 0, 120),
    Metric("suction/pressure", "Pa", 1500, 500, 0, 2_000_000),
    Metric("discharge/temperature", "Cel", 0.25, 0.1, -20, 150, broken_shows=850.0),
    Metric("water/flow", "l/s", 0.004, 0.001, 0, 2),
)

_WATER_KJ_PER_LITRE_K: Final = 4.19
_DEFROST_PERIOD_S: Final = 5_400.0
_DEFROST_S: Final = 300.0


class HeatPump:
    """House loss sets the compressor's speed; speed, weather and charge set everything else."""

    metrics = METRICS

    def __init__(self, climate: Climate, size: float, offset_s: float) -> None:
        """`size` scales house and machine alike (1.0: a family home); `offset_s` its defrosts."""
        self._climate = climate
        self._size = size
        self._offset_s = offset_s
        self._house = Lag(6 * 3600.0)
        self._supply = Lag(1_500.0)
        self._speed = Lag(480.0)
        self._discharge = Lag(600.0)
        self._people = Wander(3_600.0, 0.3)
        self._clouds = Wander(2_700.0, 0.25)

    disturbances = 2

    def advance(
        self, times_s: Floats, step_s: float, normals: Floats, condition: Condition
    ) -> dict[str, Floats]:
        """True values at `times_s`; `normals` has one row a time and `disturbances` columns."""
        leak = condition.level(FaultKind.REFRIGERANT_LEAK)
        clog = condition.level(FaultKind.CLOGGED_FILTER)
        fan = condition.level(FaultKind.FAN_FAILURE)
        hour = hour_of_day(times_s)
        outdoor = self._climate.outdoor_celsius(times_s) + self._clouds.walk(normals[:, 1], step_s)
        # Warmer in the morning and evening, an hour later at weekends; a shallow night setback.
        wish = 20.5 + 0.5 * bump(hour - is_weekend(times_s), 7.0, 1.5) + 0.5 * bump(hour, 19.0, 2.5)
        gains = self._people.walk(normals[:, 0], step_s)
        loss_kw = self._size * 0.19 * (self._house.follow(wish - outdoor, step_s) - gains)
        # A cold, damp coil ices up: more often defrosted the colder it is, never above 7 degrees.
        defrost = every(times_s, _DEFROST_PERIOD_S, _DEFROST_S, self._offset_s) * (outdoor < 7.0)
        capacity_kw = self._size * (7.5 + 0.12 * outdoor) * (1 - 0.25 * leak) * (1 - 0.2 * fan)
        wanted_hz = np.clip(75.0 * loss_kw / capacity_kw, 22.0, 90.0)
        speed_hz = self._speed.follow(wanted_hz, step_s) * (1 - 0.25 * defrost)
        flow_lps = self._size * 0.32 * (1 - 0.65 * clog)
        supply = self._supply.follow(28.5 + 0.55 * (20.0 - outdoor) - 3.0 * defrost, step_s)
        spread = loss_kw / (flow_lps * _WATER_KJ_PER_LITRE_K)
        evaporating = outdoor - 6.0 - 0.04 * speed_hz - 9.0 * leak - 7.0 * fan + 5.0 * defrost
        lift = supply - evaporating
        discharge = self._discharge.follow(
            supply + 9.0 + 0.62 * lift + 22.0 * leak + 6.0 * fan - 10.0 * defrost, step_s
        )
        current = self._size * speed_hz * (0.045 + 0.0019 * lift) * (1 - 0.06 * leak)
        return {
            "outdoor/temperature": outdoor,
            "supply/temperature": supply,
            "return/temperature": supply - spread,
            "compressor/current": current,
            "compressor/speed": speed_hz,
            # R290 near its boiling point: about 4 % a degree.
            "suction/pressure": 474_000 * np.exp(0.031 * evaporating) * (1 - 0.12 * leak),
            "discharge/temperature": discharge,
            "water/flow": flow_lps,
        }

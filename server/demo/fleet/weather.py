"""Weather and the week's rhythm as functions of time: no state, so any block can be asked for."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from server.demo.fleet.signals import Floats

DAY_S: Final = 86_400.0
LOCAL_OFFSET_S: Final = 3_600.0
"""The fleet lives in central Europe; a fixed hour spares it a jump in its daily rhythm."""


@dataclass(frozen=True, slots=True)
class Climate:
    """Outdoor temperature of one place, in Celsius."""

    mean_celsius: float = 3.0
    daily_swing_celsius: float = 3.5
    front_swing_celsius: float = 0.15
    phase: float = 0.0

    def outdoor_celsius(self, times_s: Floats) -> Floats:
        """Daily swing with its low before sunrise, and fronts that pass in two to four days."""
        days = (times_s + LOCAL_OFFSET_S) / DAY_S
        daily = -np.cos(2 * math.pi * (days - 0.21))
        # Incommensurable periods: the sum never repeats, and no two weeks are alike.
        fronts = np.sin(2 * math.pi * days / 2.33 + self.phase)
        fronts += 0.7 * np.sin(2 * math.pi * days / 3.71 + 2.1 * self.phase)
        return np.asarray(
            self.mean_celsius + self.daily_swing_celsius * daily + self.front_swing_celsius * fronts
        )


def hour_of_day(times_s: Floats) -> Floats:
    """Local hour, 0 to 24."""
    return np.asarray(((times_s + LOCAL_OFFSET_S) % DAY_S) / 3600.0)


def is_weekend(times_s: Floats) -> Floats:
    """1.0 on Saturdays and Sundays, else 0.0."""
    # 1 January 1970 was a Thursday.
    weekday = (np.floor((times_s + LOCAL_OFFSET_S) / DAY_S) + 3) % 7
    return (weekday >= 5).astype(np.float64)


def bump(hour: Floats, centre: float, width: float) -> Floats:
    """A bell of height 1 around an hour of the day, wrapping at midnight."""
    away = (hour - centre + 12.0) % 24.0 - 12.0
    return np.asarray(np.exp(-0.5 * (away / width) ** 2))


def every(times_s: Floats, period_s: float, lasting_s: float, offset_s: float) -> Floats:
    """1.0 during the first `lasting_s` of each period, else 0.0: defrosts and the like."""
    return ((times_s - offset_s) % period_s < lasting_s).astype(np.float64)

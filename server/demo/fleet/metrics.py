"""What a machine measures: wire name, SenML unit, and how well its sensor does it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from server.demo.fleet.signals import Floats


@dataclass(frozen=True, slots=True)
class Metric:
    """One sensor: `noise` and `quantum` are in `unit`; `low` to `high` is what it can show."""

    name: str
    unit: str
    noise: float
    quantum: float
    low: float
    high: float
    broken_shows: float = 0.0
    """What it reads with a broken wire; a Pt1000 then shows the end of its scale."""

    def read(self, true: Floats, normals: Floats) -> Floats:
        """What the sensor says: noise, its range, its resolution."""
        noisy = np.clip(true + self.noise * normals, self.low, self.high)
        # Rounded again: a multiple of 0.1 in binary has a tail that no sensor sends.
        return np.asarray(np.round(np.round(noisy / self.quantum) * self.quantum, 6))

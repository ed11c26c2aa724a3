"""Building blocks of the models: lags and wandering disturbances that continue from block to block."""

from __future__ import annotations

import math
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Lag:
    """First-order lag: the output follows the input with time constant `tau_s`.

    >>> Lag(60.0).follow(np.array([1.0, 1.0, 1.0]), 60.0).tolist()
    [1.0, 1.0, 1.0]
    """

    def __init__(self, tau_s: float) -> None:
        self._tau_s = tau_s
        self._last: float | None = None

    def follow(self, target: Floats, step_s: float) -> Floats:
        """The lagged `target`, sampled every `step_s`; starts settled on its first value."""
        if target.size == 0:
            return target
        keep = math.exp(-step_s / self._tau_s)
        start = float(target[0]) if self._last is None else self._last
        steps = accumulate(target.tolist(), lambda y, x: keep * y + (1.0 - keep) * x, initial=start)
        followed = np.fromiter(steps, np.float64, target.size + 1)[1:]
        self._last = float(followed[-1])
        return followed


class Wander:
    """A disturbance nobody measures (people, clouds, doors): mean 0, forgets itself in `tau_s`."""

    def __init__(self, tau_s: float, deviation: float) -> None:
        self._tau_s = tau_s
        self._deviation = deviation
        self._last = 0.0

    def walk(self, normals: Floats, step_s: float) -> Floats:
        """Next values from standard normals, one a step."""
        keep = math.exp(-step_s / self._tau_s)
        push = self._deviation * math.sqrt(1.0 - keep * keep)
        steps = accumulate((normals * push).tolist(), lambda y, e: keep * y + e, initial=self._last)
        walked = np.fromiter(steps, np.float64, normals.size + 1)[1:]
        if walked.size:
            self._last = float(walked[-1])
        return walked

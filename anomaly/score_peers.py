"""Scored devices as one cohort: the level of each day is kept as files pass, and compared at the end."""

from __future__ import annotations

import numpy as np

from anomaly.csv_table import Chunk
from anomaly.finding import Finding
from anomaly.limits import guess_unit
from anomaly.peers import DAY_S, Floats, day_levels, unlike_peers

SHARE = "/"
"""The unit of what is on for a share of the time: a measure of use, which is not compared."""
COMPARED_TO = "the other devices"


class Cohort:
    """Levels by metric, device and day; the samples of one day of one device at a time are held."""

    def __init__(self) -> None:
        self._levels: dict[str, dict[str, dict[int, float]]] = {}
        self._units: dict[str, str] = {}
        self._device = ""
        self._metrics: list[str] = []
        self._held: list[tuple[Floats, Floats]] = []

    def take(self, device: str, metrics: list[str], part: Chunk) -> None:
        """The next rows of a device; a device's rows stand together."""
        if device != self._device:
            self._finish()
            self._device, self._metrics = device, metrics
        if not len(part.times_s):
            return
        self._held.append((part.times_s, part.values))
        today = np.floor(part.times_s[-1] / DAY_S)
        if np.floor(self._held[0][0][0] / DAY_S) < today:
            times, values = self._joined()
            done = np.floor(times / DAY_S) < today
            self._keep(times[done], values[done])
            self._held = [(times[~done], values[~done])]

    def findings(self) -> list[Finding]:
        """What is unlike its peers, of all that was taken."""
        self._finish()
        found = []
        for metric, levels in self._levels.items():
            found += unlike_peers(metric, self._units[metric], levels, COMPARED_TO)
        return found

    def _joined(self) -> tuple[Floats, Floats]:
        times, values = zip(*self._held, strict=True)
        return np.concatenate(times), np.concatenate(values)

    def _finish(self) -> None:
        if self._held:
            self._keep(*self._joined())
        self._held = []

    def _keep(self, times: Floats, values: Floats) -> None:
        flags = [set(np.unique(column[np.isfinite(column)])) <= {0.0, 1.0} for column in values.T]
        for day, row in day_levels(times, values).items():
            for metric, level, flag in zip(self._metrics, row.tolist(), flags, strict=True):
                if np.isfinite(level):
                    self._units.setdefault(metric, SHARE if flag else guess_unit(metric, level))
                    known = self._levels.setdefault(metric, {}).setdefault(self._device, {})
                    known.setdefault(day, level)

"""Packs of many devices into one batch of columns, on the hot path: no Python per sample but a look-up."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from server.telemetry.samples import SampleBatch, SeriesKey

Register = Callable[[SeriesKey, str], int]
"""Gives a series' number; called once for each (device, metric, unit) in the life of the process."""


class Collector:
    """Turns names into series numbers and remembers them; one per pipeline."""

    def __init__(self, register: Register) -> None:
        self._register = register
        self._known: dict[str, dict[tuple[str, str], int]] = {}
        self._begin()

    def _begin(self) -> None:
        self._series: list[int] = []
        self._times_s: list[float] = []
        self._values: list[float] = []

    def add(
        self,
        device_id: str,
        names: Sequence[str],
        units: Sequence[str],
        times_s: Sequence[float],
        values: Sequence[float | bool],
    ) -> None:
        """Append one pack's columns, all of one length."""
        known = self._known.setdefault(device_id, {})
        try:
            series = [known[key] for key in zip(names, units, strict=True)]
        except KeyError:
            for key in zip(names, units, strict=True):
                if key not in known:
                    known[key] = self._register(SeriesKey(device_id, key[0]), key[1])
            series = [known[key] for key in zip(names, units, strict=True)]
        self._series += series
        self._times_s += times_s
        self._values += values

    def take(self) -> SampleBatch:
        """What was added since the last `take`, in that order."""
        batch = SampleBatch(
            series=np.array(self._series, dtype=np.int32),
            times_s=np.array(self._times_s, dtype=np.float64),
            values=np.array(self._values, dtype=np.float64),
        )
        self._begin()
        return batch

"""Packs of many devices into one batch of columns, on the hot path: no Python per sample but a copy.

A device sends the same names in the same order again and again. So the series numbers of a whole pack
are looked up at once, under its names and units as two strings; only a pack of a new shape is looked
up name by name.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from server.telemetry.samples import SampleBatch, SeriesKey

Register = Callable[[SeriesKey, str], int]
"""Gives a series' number; called once for each (device, metric, unit) in the life of the process."""

SHAPES_KEPT: Final = 8
"""Of each device; one whose packs are all different is looked up name by name."""

_BETWEEN: Final = "\n"  # neither names nor units hold one


class Collector:
    """Turns names into series numbers and remembers them; one per pipeline."""

    def __init__(self, register: Register) -> None:
        self._register = register
        self._known: dict[str, dict[tuple[str, str], int]] = {}
        self._shapes: dict[str, dict[tuple[str, str], NDArray[np.int32]]] = {}
        self._begin()

    def _begin(self) -> None:
        self._series: list[NDArray[np.int32]] = []
        # Filled pack by pack, while the pack's numbers are still in the processor's cache.
        self._times_s = array("d")
        self._values = array("d")

    def add(
        self,
        device_id: str,
        names: Sequence[str],
        units: Sequence[str],
        times_s: list[float],
        values: list[float] | list[float | bool],
    ) -> None:
        """Append one pack's columns, all of one length."""
        shapes = self._shapes.setdefault(device_id, {})
        shape = _BETWEEN.join(names), _BETWEEN.join(units)
        series = shapes.get(shape)
        if series is None:
            series = self._looked_up(device_id, names, units)
            if len(shapes) < SHAPES_KEPT:
                shapes[shape] = series
        if not len(series) == len(times_s) == len(values):
            raise ValueError("the columns of a pack must be of one length")
        self._series.append(series)
        self._times_s.fromlist(times_s)
        self._values.fromlist(values)

    def _looked_up(
        self, device_id: str, names: Sequence[str], units: Sequence[str]
    ) -> NDArray[np.int32]:
        known = self._known.setdefault(device_id, {})
        keys = list(zip(names, units, strict=True))
        for key in keys:
            if key not in known:
                known[key] = self._register(SeriesKey(device_id, key[0]), key[1])
        return np.array([known[key] for key in keys], dtype=np.int32)

    def take(self) -> SampleBatch:
        """What was added since the last `take`, in that order."""
        if not self._times_s:
            none = np.empty(0, dtype=np.float64)
            return SampleBatch(series=none.astype(np.int32), times_s=none, values=none)
        batch = SampleBatch(
            series=np.concatenate(self._series),
            times_s=np.frombuffer(self._times_s, dtype=np.float64),
            values=np.frombuffer(self._values, dtype=np.float64),
        )
        self._begin()  # the arrays stay with the batch, new ones are filled
        return batch

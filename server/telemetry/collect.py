"""Packs of many devices into one batch of columns, on the hot path: no Python per sample but a copy.

A device sends the same names in the same order again and again. So the series numbers of a whole pack
are looked up at once, under its names and units as two strings; only a pack of a new shape is looked
up name by name.

Two threads share the work: one adds packs and takes them as columns, the other resolves the columns of
an earlier batch, and alone meets the store when a series is new.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from server.telemetry.samples import SampleBatch, SeriesKey

Register = Callable[[SeriesKey, str], int]
"""Gives a series' number; called once for each (device, metric, unit) in the life of the process."""

SHAPES_KEPT: Final = 8
"""Of each device; one whose packs are all different is looked up name by name."""

_BETWEEN: Final = "\n"  # neither names nor units hold one
_NONE: Final[dict[tuple[str, str], NDArray[np.int32]]] = {}


class _Shape(NamedTuple):
    """What the packs of a device name, in their order, where the numbers are not known yet."""

    device_id: str
    names: Sequence[str]
    units: Sequence[str]


@dataclass(slots=True)
class Columns:
    """Packs in the order in which they were added."""

    series: list[NDArray[np.int32] | _Shape] = field(default_factory=list)
    # Filled pack by pack, while the pack's numbers are still in the processor's cache.
    times_s: array[float] = field(default_factory=lambda: array("d"))
    values: array[float] = field(default_factory=lambda: array("d"))


class Collector:
    """Turns names into series numbers and remembers them; one per pipeline."""

    def __init__(self, register: Register) -> None:
        self._register = register
        self._known: dict[str, dict[tuple[str, str], int]] = {}
        self._shapes: dict[str, dict[tuple[str, str], NDArray[np.int32]]] = {}
        self._columns = Columns()

    def add(
        self,
        device_id: str,
        names: Sequence[str],
        units: Sequence[str],
        times_s: list[float],
        values: list[float] | list[float | bool],
    ) -> None:
        """Append one pack's columns, all of one length."""
        if not len(names) == len(units) == len(times_s) == len(values):
            raise ValueError("the columns of a pack must be of one length")
        numbers = self._shapes.get(device_id, _NONE).get(_form(names, units))
        columns = self._columns
        columns.series.append(_Shape(device_id, names, units) if numbers is None else numbers)
        columns.times_s.fromlist(times_s)
        columns.values.fromlist(values)

    def take(self) -> Columns:
        """What was added since the last `take`."""
        taken, self._columns = self._columns, Columns()
        return taken

    def resolve(self, columns: Columns) -> SampleBatch:
        """The same under the series' numbers; registers those that are new."""
        if not columns.times_s:
            none = np.empty(0, dtype=np.float64)
            return SampleBatch(series=none.astype(np.int32), times_s=none, values=none)
        numbers = [self._numbers(s) if isinstance(s, _Shape) else s for s in columns.series]
        return SampleBatch(
            series=np.concatenate(numbers),
            times_s=np.frombuffer(columns.times_s, dtype=np.float64),
            values=np.frombuffer(columns.values, dtype=np.float64),
        )

    def _numbers(self, shape: _Shape) -> NDArray[np.int32]:
        shapes = self._shapes.setdefault(shape.device_id, {})
        form = _form(shape.names, shape.units)
        if form in shapes:
            return shapes[form]
        known = self._known.setdefault(shape.device_id, {})
        keys = list(zip(shape.names, shape.units, strict=True))
        for key in keys:
            if key not in known:
                known[key] = self._register(SeriesKey(shape.device_id, key[0]), key[1])
        numbers = np.array([known[key] for key in keys], dtype=np.int32)
        if len(shapes) < SHAPES_KEPT:
            shapes[form] = numbers
        return numbers


def _form(names: Sequence[str], units: Sequence[str]) -> tuple[str, str]:
    return _BETWEEN.join(names), _BETWEEN.join(units)

"""One simulated machine: its physics, then its sensors, then what is wrong with those."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from server.demo.fleet.faults import Condition, Fault, FaultKind
from server.demo.fleet.metrics import Metric
from server.demo.fleet.signals import Floats


class Physics(Protocol):
    """A kind of machine. `advance` is called for consecutive blocks, oldest first."""

    @property
    def metrics(self) -> tuple[Metric, ...]: ...

    @property
    def disturbances(self) -> int:
        """How many standard normals it needs a step."""
        ...

    def advance(
        self, times_s: Floats, step_s: float, normals: Floats, condition: Condition
    ) -> dict[str, Floats]:
        """True values by metric name."""
        ...


@dataclass(frozen=True, slots=True)
class Readings:
    """A block of what one machine measured; `columns` follow `metrics`, each as long as `times_s`."""

    device_id: str
    metrics: tuple[Metric, ...]
    times_s: Floats
    columns: tuple[Floats, ...]

    def since(self, time_s: float) -> Readings:
        """The part from `time_s` on."""
        return self._where(self.times_s >= time_s)

    def latest(self) -> dict[str, float]:
        """The last value of each metric, by name; nothing where there is none."""
        if not self.times_s.size:
            return {}
        return {m.name: float(c[-1]) for m, c in zip(self.metrics, self.columns, strict=True)}

    def _where(self, chosen: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Readings:
        columns = tuple(column[chosen] for column in self.columns)
        return Readings(self.device_id, self.metrics, self.times_s[chosen], columns)


class Machine:
    """Simulates itself forward; the same seed gives the same values, however the time is cut."""

    def __init__(
        self, device_id: str, physics: Physics, faults: Sequence[Fault], *, seed: int
    ) -> None:
        self.device_id = device_id
        self.faults = tuple(faults)
        self._physics = physics
        # Separate streams: a sensor more must not change the weather.
        process, sensing = np.random.SeedSequence(seed).spawn(2)
        self._process = np.random.default_rng(process)
        self._sensing = np.random.default_rng(sensing)
        self._held: dict[Fault, float] = {}

    def advance(self, times_s: Floats, step_s: float) -> Readings:
        """Readings at `times_s`, which follow the last ones asked for and are `step_s` apart."""
        physics = self._physics
        condition = Condition(self.faults, times_s)
        pushes = self._process.standard_normal((times_s.size, physics.disturbances))
        errors = self._sensing.standard_normal((times_s.size, len(physics.metrics)))
        true = physics.advance(times_s, step_s, pushes, condition)
        columns = tuple(
            self._spoil(metric, metric.read(true[metric.name], errors[:, k]), condition)
            for k, metric in enumerate(physics.metrics)
        )
        return Readings(self.device_id, physics.metrics, times_s, columns)

    def silent_at(self, time_s: float) -> bool:
        """Whether its link is down, so that readings wait in it."""
        return any(
            f.kind is FaultKind.SILENT and f.start_s <= time_s < f.end_s for f in self.faults
        )

    def repair(self, time_s: float) -> None:
        """End every fault that has begun: someone was there and did the work."""
        self.faults = tuple(
            Fault(f.device_id, f.kind, f.start_s, f.per_day, time_s, f.metric)
            if f.start_s <= time_s < f.end_s
            else f
            for f in self.faults
        )

    def _spoil(self, metric: Metric, values: Floats, condition: Condition) -> Floats:
        for fault in condition.of_sensors():
            if fault.metric != metric.name:
                continue
            active = fault.active(condition.times_s)
            if not active.any():
                continue
            if fault.kind is FaultKind.STUCK_SENSOR:
                held = self._held.setdefault(fault, float(values[active][0]))
                values = np.where(active, held, values)
            elif fault.kind is FaultKind.SENSOR_OUT_OF_RANGE:
                values = np.where(active, metric.broken_shows, values)
        return values

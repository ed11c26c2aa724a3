"""Reads each source at its period; tells once when a sensor goes stale and once when it is back.

A reading carries the moment it was taken and is never stamped again. A source that is late is read
once, not as often as it was missed.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from device_agent.errors import SensorError
from device_agent.sensors.port import AnySource, Value
from device_agent.wire import DeviceEvent
from device_agent.wire.schema import Scalar
from device_agent.wire.text import MAX_TEXT_CHARS, clean


@dataclass(frozen=True, slots=True)
class Reading:
    """One value, with its SenML unit, at unix time ``time_s``."""

    name: str
    unit: str
    time_s: float
    value: Value


@dataclass(slots=True)
class _Stale:
    since_s: float
    missed: int = 1


@dataclass(slots=True)
class Taken:
    """What one round of sampling gave."""

    readings: list[Reading] = field(default_factory=list)
    events: list[DeviceEvent] = field(default_factory=list)


class Sampler:
    """Knows when each source is due; clocks are passed in."""

    def __init__(
        self,
        sources: Iterable[AnySource],
        *,
        now: Callable[[], float],
        monotonic: Callable[[], float],
        settle_s: float = 0.0,
    ) -> None:
        self._sources = list(sources)
        self._now = now
        self._monotonic = monotonic
        self._period_s = {source.key: source.period_s for source in self._sources}
        # The first readings wait: a rate over the first millisecond would only show our own start.
        started_s = monotonic()
        self._due_s = {k: started_s + min(p, settle_s) for k, p in self._period_s.items()}
        self._stale: dict[str, _Stale] = {}

    def take_due(self) -> Taken:
        """Read every source whose time has come."""
        taken = Taken()
        at_s = self._monotonic()
        for source in self._sources:
            if self._due_s[source.key] <= at_s:
                self._read(source, taken)
                self._due_s[source.key] = self._next_due(source.key, at_s)
        return taken

    def take_all(self) -> Taken:
        """Read every source now, out of turn; what is due stays due."""
        taken = Taken()
        for source in self._sources:
            self._read(source, taken)
        return taken

    def wait_s(self) -> float:
        """Give the seconds until something is due; 0 when it already is."""
        if not self._due_s:
            return math.inf
        return max(0.0, min(self._due_s.values()) - self._monotonic())

    def set_period(self, key: str, period_s: float) -> list[str]:
        """Change the period of one source, or of all below ``key`` (``""``: all); give their keys."""
        changed = [k for k in self._period_s if key in {"", k} or k.startswith(f"{key}/")]
        for each in changed:
            self._period_s[each] = period_s
            self._due_s[each] = min(self._due_s[each], self._monotonic() + period_s)
        return changed

    @property
    def stale_names(self) -> list[str]:
        """Names of the metrics that gave nothing when last asked."""
        return sorted(self._stale)

    def _next_due(self, key: str, at_s: float) -> float:
        planned = self._due_s[key] + self._period_s[key]
        return planned if planned > at_s else at_s + self._period_s[key]

    def _read(self, source: AnySource, taken: Taken) -> None:
        time_s = round(self._now(), 3)
        try:
            snapshot = source.read()
        except Exception as error:  # noqa: BLE001 - a sensor may fail in any way and only it is stale
            for description in source.descriptions:
                self._missed(description.name, _said(error), time_s, taken)
            return
        for description in source.descriptions:
            try:
                value = _sound(description.value_fn(snapshot))
            except Exception as error:  # noqa: BLE001 - as above
                self._missed(description.name, _said(error), time_s, taken)
                continue
            # Nothing to say yet is not a fault: a rate needs two snapshots.
            if value is not None:
                self._arrived(description.name, time_s, taken)
                taken.readings.append(Reading(description.name, description.unit, time_s, value))

    def _missed(self, name: str, reason: str, time_s: float, taken: Taken) -> None:
        stale = self._stale.get(name)
        if stale is not None:
            stale.missed += 1
            return
        self._stale[name] = _Stale(time_s)
        detail: dict[str, Scalar] = {"sensor": name, "reason": reason}
        taken.events.append(DeviceEvent("sensor_stale", time_s, detail))

    def _arrived(self, name: str, time_s: float, taken: Taken) -> None:
        stale = self._stale.pop(name, None)
        if stale is not None:
            detail: dict[str, Scalar] = {
                "sensor": name,
                "since_s": stale.since_s,
                "missed": stale.missed,
            }
            taken.events.append(DeviceEvent("sensor_back", time_s, detail))


def _sound(value: Value | None) -> Value | None:
    """Make a value fit for the wire; raises SensorError for NaN and infinities."""
    if isinstance(value, str):
        return clean(value, MAX_TEXT_CHARS - 1)
    if value is None or isinstance(value, bool):
        return value
    if not math.isfinite(value):
        raise SensorError("not a finite number")
    return float(value)


def _said(error: Exception) -> str:
    return clean(f"{type(error).__name__}: {error}", 200)

"""Reads each source at its period; tells once when a sensor goes stale and once when it is back.

A reading carries the moment it was taken and is never stamped again. A source that is late is read
once, not as often as it was missed. One that may block is read on a worker, at most once at a time; what
it gives after its deadline is thrown away, since nobody can tell when it was true. Sources of one
sampler never wait for each other.
"""

import math
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial

from device_agent.errors import SensorError
from device_agent.sensors.port import AnySource, Value
from device_agent.wire import DeviceEvent
from device_agent.wire.schema import Scalar
from device_agent.wire.text import MAX_TEXT_CHARS, clean
from device_agent.workers import Workers


@dataclass(frozen=True, slots=True)
class Reading:
    """One value, with its SenML unit, at unix time ``time_s``."""

    name: str
    unit: str
    time_s: float
    value: Value


@dataclass(slots=True)
class _Stale:
    """Since when a metric gives nothing, and how often it did."""

    since_s: float
    missed: int = 1


@dataclass(slots=True)
class Taken:
    """What sampling gave since it was last asked."""

    readings: list[Reading] = field(default_factory=list)
    events: list[DeviceEvent] = field(default_factory=list)


@dataclass(slots=True)
class _Slot:
    """One source's turn: when it is due, and since when a read is on its way (monotonic seconds)."""

    source: AnySource
    period_s: float
    due_s: float
    begun_s: float | None = None
    is_late: bool = False

    @property
    def late_at_s(self) -> float:
        """When the read on its way will be late; infinite where none is, or it is late already."""
        if self.begun_s is None or self.is_late or self.source.deadline_s is None:
            return math.inf
        return self.begun_s + self.source.deadline_s


class Sampler:
    """Knows when each source is due; clocks are passed in; any thread may call.

    ``offsets`` are added to the metrics they name; ``on_ready`` is called on a worker's thread when
    something new is there to be taken.
    """

    def __init__(
        self,
        sources: Iterable[AnySource],
        *,
        now: Callable[[], float],
        monotonic: Callable[[], float],
        settle_s: float = 0.0,
        offsets: Mapping[str, float] | None = None,
        on_ready: Callable[[], None] = lambda: None,
    ) -> None:
        self._now = now
        self._monotonic = monotonic
        self._offsets = {} if offsets is None else offsets
        self._on_ready = on_ready
        # The first readings wait: a rate over the first millisecond would only show our own start.
        started_s = monotonic()
        self._slots = [
            _Slot(source, source.period_s, started_s + min(source.period_s, settle_s))
            for source in sources
        ]
        self._stale: dict[str, _Stale] = {}
        self._texts: dict[str, str] = {}
        self._latest: dict[str, Reading] = {}
        self._ready = Taken()
        self._workers = Workers()
        self._changed = threading.Condition()

    def take_due(self) -> Taken:
        """Begin what is due; give what has come since the last time."""
        with self._changed:
            at_s = self._monotonic()
            for slot in self._slots:
                if slot.due_s <= at_s:
                    planned_s = slot.due_s + slot.period_s
                    slot.due_s = planned_s if planned_s > at_s else at_s + slot.period_s
                    self._begin(slot)
            return self._collect()

    def take_all(self) -> Taken:
        """Read every source now, out of turn; give what came within each one's deadline."""
        with self._changed:
            self._read_all()
            return self._collect()

    def read_all(self, patience_s: float) -> list[Reading]:
        """Read every source now, out of turn; give the values, which are left to be taken too."""
        with self._changed:
            begun_s = round(self._now(), 3)
            self._read_all(patience_s)
            self._on_ready()
            return [each for each in self._latest.values() if each.time_s >= begun_s]

    def latest(self, name: str) -> Reading | None:
        """Give the last reading of a metric."""
        with self._changed:
            return self._latest.get(name)

    def wait_s(self) -> float:
        """Give the seconds until something is due or late; 0 when it already is."""
        with self._changed:
            moments = (min(slot.due_s, slot.late_at_s) for slot in self._slots)
            return max(0.0, min(moments, default=math.inf) - self._monotonic())

    def set_period(self, key: str, period_s: float) -> list[str]:
        """Change the period of one source, or of all below ``key`` (``""``: all); give their keys."""
        with self._changed:
            changed = [slot for slot in self._slots if _is_below(slot.source.key, key)]
            for slot in changed:
                slot.period_s = period_s
                slot.due_s = min(slot.due_s, self._monotonic() + period_s)
            return [slot.source.key for slot in changed]

    @property
    def stale_names(self) -> list[str]:
        """Names of the metrics that gave nothing when last asked."""
        with self._changed:
            return sorted(self._stale)

    @property
    def sources(self) -> list[AnySource]:
        """What is read."""
        return [slot.source for slot in self._slots]

    def _read_all(self, patience_s: float = math.inf) -> None:
        end_s = self._monotonic() + patience_s
        for slot in self._slots:
            self._begin(slot)
        while True:
            self._expire()
            left_s = min((s.late_at_s for s in self._slots), default=math.inf) - self._monotonic()
            if left_s == math.inf or self._monotonic() >= end_s:
                return
            self._changed.wait(max(0.001, min(left_s, patience_s)))

    def _collect(self) -> Taken:
        self._expire()
        taken, self._ready = self._ready, Taken()
        return taken

    def _begin(self, slot: _Slot) -> None:
        if slot.begun_s is not None:
            if slot.is_late:
                self._missed_all(slot, "no answer yet")
            return
        slot.begun_s = self._monotonic()
        if slot.source.deadline_s is None:
            self._land(slot, *self._ask(slot.source))
        else:
            self._workers.run(partial(self._work, slot))

    def _work(self, slot: _Slot) -> None:
        """Read on a worker's thread; without the lock until there is an answer."""
        answer = self._ask(slot.source)
        with self._changed:
            self._land(slot, *answer)
            self._changed.notify_all()
        self._on_ready()

    def _ask(self, source: AnySource) -> tuple[float, object, Exception | None]:
        time_s = round(self._now(), 3)
        try:
            return time_s, source.read(), None
        except Exception as error:  # noqa: BLE001 - a sensor may fail in any way and only it is stale
            return time_s, None, error

    def _land(self, slot: _Slot, time_s: float, snapshot: object, error: Exception | None) -> None:
        is_late = slot.is_late or slot.late_at_s < self._monotonic()
        was_told, slot.begun_s, slot.is_late = slot.is_late, None, False
        if is_late:
            if not was_told:
                self._missed_all(slot, _too_late(slot))
            return
        if error is not None:
            self._missed_all(slot, _said(error), time_s)
            return
        for description in slot.source.descriptions:
            name = description.name
            try:
                value = self._sound(name, description.value_fn(snapshot))
            except Exception as fault:  # noqa: BLE001 - as above
                self._missed(name, _said(fault), time_s)
                continue
            # Nothing to say yet is not a fault: a rate needs two snapshots.
            if value is not None:
                self._arrived(Reading(name, description.unit, time_s, value))

    def _expire(self) -> None:
        at_s = self._monotonic()
        for slot in self._slots:
            if slot.late_at_s <= at_s:
                self._missed_all(slot, _too_late(slot))
                slot.is_late = True

    def _missed_all(self, slot: _Slot, reason: str, time_s: float | None = None) -> None:
        at_s = round(self._now(), 3) if time_s is None else time_s
        for description in slot.source.descriptions:
            self._missed(description.name, reason, at_s)

    def _missed(self, name: str, reason: str, time_s: float) -> None:
        stale = self._stale.get(name)
        if stale is not None:
            stale.missed += 1
            return
        self._stale[name] = _Stale(time_s)
        detail: dict[str, Scalar] = {"sensor": name, "reason": reason}
        self._ready.events.append(DeviceEvent("sensor_stale", time_s, detail))

    def _arrived(self, reading: Reading) -> None:
        name, value = reading.name, reading.value
        stale = self._stale.pop(name, None)
        if stale is not None:
            detail: dict[str, Scalar] = {
                "sensor": name,
                "since_s": stale.since_s,
                "missed": stale.missed,
            }
            self._ready.events.append(DeviceEvent("sensor_back", reading.time_s, detail))
        self._latest[name] = reading
        if isinstance(value, str):
            # A text is a state: it is told when it changes, not every time it is seen.
            if self._texts.get(name) == value:
                return
            self._texts[name] = value
        self._ready.readings.append(reading)

    def _sound(self, name: str, value: Value | None) -> Value | None:
        """Make a value fit for the wire; raises SensorError for NaN and infinities."""
        if isinstance(value, str):
            return clean(value, MAX_TEXT_CHARS - 1)
        if value is None or isinstance(value, bool):
            return value
        number = float(value) + self._offsets.get(name, 0.0)
        if not math.isfinite(number):
            raise SensorError("not a finite number")
        return number


def _is_below(key: str, wanted: str) -> bool:
    return wanted in {"", key} or key.startswith(f"{wanted}/")


def _too_late(slot: _Slot) -> str:
    return f"no answer within {slot.source.deadline_s:g} s"


def _said(error: Exception) -> str:
    return clean(f"{type(error).__name__}: {error}", 200)

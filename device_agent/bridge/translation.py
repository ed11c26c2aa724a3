"""What the bridge tells of one microcontroller → the agent's readings and events.

Texts are told when they change; a sensor that failed is told once, and once when it is back. Trouble on the line is
counted in a metric of its own, so that a cable that goes bad can be seen going.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from device_agent.sampler import Reading, Taken
from device_agent.serial_settings import SerialSettings
from device_agent.wire import DeviceEvent, SensorInfo
from device_agent.wire.pack import ABSOLUTE_FROM_S
from device_agent.wire.schema import Scalar
from firmware_bridge import (
    Announced,
    CommandEnded,
    DriverEvent,
    LinkDown,
    LinkUp,
    McuEvent,
    McuReset,
    MetricInfo,
    PortClosed,
    PortOpened,
    Readings,
    Tally,
)

TROUBLE_EVERY_S: Final = 60.0
_WINDOW_S: Final = 60.0
_EVENTS_PER_WINDOW: Final = 30
_EVENTS: Final = frozenset(
    {"brown_out", "watchdog", "assert", "sensor_fault", "sensor_back", "overrun", "log"}
)


@dataclass(slots=True)
class _Failed:
    since_s: float
    missed: int = 1


class Translation:
    """Remembers of one line what is needed to tell things once."""

    def __init__(self, settings: SerialSettings, ended: Callable[[CommandEnded], None]) -> None:
        self.sensors: tuple[SensorInfo, ...] = ()
        self.firmware = ""
        """As the microcontroller greeted last; empty where its protocol knows no greeting."""
        self.greetings = 0
        self.heard = 0
        """How often readings came."""
        self._name = settings.name
        self._every_s = settings.every_s
        self._ended = ended
        self._failed: dict[str, _Failed] = {}
        self._texts: dict[str, str] = {}
        self._sent_s: dict[str, float] = {}
        self._is_lost = False
        self._trouble_s = self._window_s = float("-inf")
        self._told = self._dropped = 0

    def add(self, event: DriverEvent, now_s: float, taken: Taken) -> None:
        """Put what an event means into ``taken``."""
        match event:
            case Readings():
                self.heard += 1
                self._readings(event, now_s, taken)
            case Announced():
                self.sensors = tuple(
                    SensorInfo(f"{self._name}/{m.name}", m.unit, m.kind, _limits(m))
                    for m in event.metrics
                )
            case CommandEnded():
                self._ended(event)
            case PortOpened():
                if self._is_lost:
                    self._tell(taken, "serial_back", event.time_s, {"device": event.device})
                self._is_lost = False
            case LinkUp():
                self.firmware = event.firmware
                self.greetings += 1
                self._tell(taken, *_told(event))
            case _:
                self._is_lost = self._is_lost or isinstance(event, PortClosed)
                self._tell(taken, *_told(event))

    def trouble(self, tally: Tally, now_s: float, taken: Taken) -> None:
        """Report now and then how much went wrong on the line since the start."""
        if self._trouble_s <= now_s < self._trouble_s + TROUBLE_EVERY_S:
            return
        self._trouble_s = now_s
        count = float(tally.trouble + tally.repeated)
        taken.readings.append(Reading(f"{self._name}/line/faults", "count", round(now_s, 3), count))

    def _tell(self, taken: Taken, kind: str, time_s: float, detail: dict[str, Scalar]) -> None:
        """Pass an event on; above a rate only count, so that a device can't crowd out its own readings."""
        if time_s < ABSOLUTE_FROM_S:
            return
        if not self._window_s <= time_s < self._window_s + _WINDOW_S:
            if self._dropped:
                self._put(taken, "mcu_events_dropped", time_s, {"count": self._dropped})
            self._window_s, self._told, self._dropped = time_s, 0, 0
        if self._told >= _EVENTS_PER_WINDOW:
            self._dropped += 1
            return
        self._told += 1
        self._put(taken, kind, time_s, detail)

    def _put(self, taken: Taken, kind: str, time_s: float, detail: dict[str, Scalar]) -> None:
        taken.events.append(DeviceEvent(kind, round(time_s, 3), {"name": self._name, **detail}))

    def _readings(self, readings: Readings, now_s: float, taken: Taken) -> None:
        for name, value, unit, time_s, _ in readings:
            metric = f"{self._name}/{name}"
            if metric in self._failed:
                self._back(metric, time_s, taken)
            if time_s < ABSOLUTE_FROM_S or self._is_too_soon(metric, time_s):
                continue
            if isinstance(value, str):
                if self._texts.get(metric) == value:
                    continue
                self._texts[metric] = value
            taken.readings.append(Reading(metric, unit, round(time_s, 4), value))
        for name in readings.failed:
            self._fail(f"{self._name}/{name}", now_s, taken)

    def _is_too_soon(self, metric: str, time_s: float) -> bool:
        if not self._every_s:
            return False
        last_s = self._sent_s.get(metric, float("-inf"))
        # A device's period is never exact: a little early is in time.
        if last_s <= time_s < last_s + self._every_s * 0.95:
            return True
        self._sent_s[metric] = time_s
        return False

    def _fail(self, metric: str, now_s: float, taken: Taken) -> None:
        failed = self._failed.get(metric)
        if failed is not None:
            failed.missed += 1
            return
        self._failed[metric] = _Failed(round(now_s, 3))
        detail: dict[str, Scalar] = {"sensor": metric, "reason": "the device gave no value"}
        taken.events.append(DeviceEvent("sensor_stale", round(now_s, 3), detail))

    def _back(self, metric: str, time_s: float, taken: Taken) -> None:
        failed = self._failed.pop(metric)
        detail: dict[str, Scalar] = {
            "sensor": metric,
            "since_s": failed.since_s,
            "missed": failed.missed,
        }
        taken.events.append(DeviceEvent("sensor_back", round(time_s, 3), detail))


def _limits(metric: MetricInfo) -> tuple[float | None, float | None] | None:
    """Give the range that the firmware calls sound; None where it has none, or one upside down."""
    low, high = metric.low, metric.high
    if (low is None and high is None) or (low is not None and high is not None and low > high):
        return None
    return low, high


def _told(
    event: PortClosed | LinkUp | LinkDown | McuReset | McuEvent,
) -> tuple[str, float, dict[str, Scalar]]:
    """Give the kind, time and detail of an event that is passed on as it is."""
    match event:
        case PortClosed(time_s, _, reason):
            return "serial_lost", time_s, {"reason": reason[:300]}
        case LinkUp(time_s, model, firmware):
            return "mcu_found", time_s, {"model": model, "firmware": firmware}
        case LinkDown(time_s, reason):
            return "mcu_lost", time_s, {"reason": reason}
        case McuReset(time_s, reason, ran_s):
            return "mcu_reset", time_s, {"reason": reason, "ran_s": ran_s}
        case McuEvent(time_s, kind, value, text):
            told = f"mcu_{kind}" if kind in _EVENTS else "mcu_event"
            return told, time_s, {"event": kind, "value": value, "text": text}

"""All serial lines of this device: started, listened to, commanded, stopped.

Each line has a driver thread of the library; ``take`` only collects what they have and never waits.
"""

import threading
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from device_agent.bridge.protocol_table import build_protocol
from device_agent.bridge.translation import Translation
from device_agent.sampler import Taken
from device_agent.serial_settings import SerialSettings
from device_agent.wire import DeviceEvent, SensorInfo
from firmware_bridge import CommandEnded, Driver, Transport

_COMMAND_S: Final = 15.0
"""Longer than the library's own patience, so that its answer comes first."""

Open = Callable[[SerialSettings], Transport]


class Heard(NamedTuple):
    """How often a microcontroller greeted and reported, and the firmware that greeted last."""

    firmware: str
    greetings: int
    readings: int


class _Asked:
    """A command on its way; the answer comes on another thread."""

    def __init__(self) -> None:
        self.done = threading.Event()
        self.ended: CommandEnded | None = None


class Bridges:
    """The lines of ``[[serial]]``. Raises SettingsError for one that can't be."""

    def __init__(
        self, settings: Sequence[SerialSettings], *, open_port: Open, now: Callable[[], float]
    ) -> None:
        self.settings = tuple(settings)
        self._now = now
        self._notify: Callable[[], None] = lambda: None
        self._asked: dict[str, _Asked] = {}
        self._number = 0
        self._lock = threading.Lock()
        self._noted: list[DeviceEvent] = []
        self._known_sensors: tuple[SensorInfo, ...] = ()
        self.leaving = threading.Event()
        """Set when the agent ends: what takes long comes to an end."""
        self.on_started: Callable[[], None] = lambda: None
        self._lines = {
            each.name: (
                Driver(
                    open_port(each),
                    build_protocol(each),
                    clock=now,
                    notify=lambda: self._notify(),  # noqa: PLW0108 - set only at the start
                ),
                Translation(each, self._ended),
            )
            for each in settings
        }

    def start(self, notify: Callable[[], None]) -> None:
        """Begin listening; ``notify`` is called on a line's thread when there is something to take."""
        self._notify = notify
        for driver, _ in self._lines.values():
            driver.start()
        self.on_started()

    def stop(self) -> None:
        """End all threads and let the ports go."""
        self.leaving.set()
        for driver, _ in self._lines.values():
            driver.stop(1.0)

    def take(self) -> Taken:
        """Give what came since the last time; one thread calls."""
        taken = Taken()
        with self._lock:
            now_s = self._now()
            for driver, translation in self._lines.values():
                for event in driver.events():
                    translation.add(event, now_s, taken)
                translation.trouble(driver.tally, now_s, taken)
            taken.events += self._noted
            self._noted = []
        return taken

    def note(self, event: DeviceEvent) -> None:
        """Have an event go out with what the lines tell; from any thread."""
        with self._lock:
            self._noted.append(event)
        self._notify()

    def has_new_sensors(self) -> bool:
        """Tell whether microcontrollers announced something else since this was asked last."""
        now = self.sensors
        is_new, self._known_sensors = now != self._known_sensors, now
        return is_new

    def lend(self, name: str, timeout_s: float) -> bool:
        """Have a line's port let go, for who writes its firmware; returns whether it is free."""
        return self._lines[name][0].lend(timeout_s)

    def take_back(self, name: str) -> None:
        """Listen on a line again."""
        self._lines[name][0].take_back()

    def heard_of(self, name: str) -> Heard:
        """Give what was heard of a line up to now."""
        translation = self._lines[name][1]
        return Heard(translation.firmware, translation.greetings, translation.heard)

    @property
    def sensors(self) -> tuple[SensorInfo, ...]:
        """What the microcontrollers have announced so far."""
        return tuple(
            info for _, translation in self._lines.values() for info in translation.sensors
        )

    def command(
        self, name: str, command: str, arguments: Sequence[int | str]
    ) -> CommandEnded | None:
        """Pass a command on and wait for its end; None: it did not end within the patience."""
        with self._lock:
            self._number += 1
            key = str(self._number)
            asked = self._asked[key] = _Asked()
        driver, _ = self._lines[name]
        driver.command(key, command, arguments)
        asked.done.wait(_COMMAND_S)
        self._asked.pop(key, None)
        return asked.ended

    def _ended(self, ended: CommandEnded) -> None:
        asked = self._asked.get(ended.key)
        if asked is not None:
            asked.ended = ended
            asked.done.set()


def serial_port(settings: SerialSettings) -> Transport:
    """Give the real port of a table."""
    from firmware_bridge.transport.serial_port import (  # noqa: PLC0415 - pyserial only where used
        PortSettings,
        Rs485,
        SerialPort,
    )

    return SerialPort(
        PortSettings(
            port=settings.port,
            baud=settings.baud,
            parity=settings.parity,  # type: ignore[arg-type] # one of the setting's choices
            stop_bits=2 if settings.stop_bits == 2 else 1,
            dtr={"on": True, "off": False}.get(settings.dtr),
            rs485=Rs485() if settings.rs485 else None,
        )
    )

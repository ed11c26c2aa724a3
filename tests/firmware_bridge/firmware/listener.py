"""The bridge as an agent has it: the driver's thread on a real port, and what it reported so far."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self, TypeVar

from firmware_bridge import Driver, DriverEvent, HostLink, LinkSettings, Reading, Readings
from firmware_bridge.transport.port import Transport
from firmware_bridge.transport.serial_port import PortSettings, SerialPort

HANG_GUARD_S = 30.0
PRESSES = 4
T = TypeVar("T")

QUICK = LinkSettings(ping_every_s=0.5, silence_s=2.0, who_every_s=0.3, greeting_s=1.0)
"""Losses are noticed in seconds; everything else as in the field."""


class Listener:
    """`with Listener(port) as bridge:` listens; `bridge.first(McuReset)` waits for the next one."""

    def __init__(
        self, port: str | Path, settings: LinkSettings = QUICK, transport: Transport | None = None
    ) -> None:
        self.link = HostLink(settings)
        self.seen: list[DriverEvent] = []
        self._news = threading.Event()
        self._from = 0
        self.driver = Driver(
            transport or SerialPort(PortSettings(str(port))),
            self.link,
            retry_s=0.2,
            notify=self._news.set,
        )

    def __enter__(self) -> Self:
        self.driver.start()
        return self

    def __exit__(self, *_error: object) -> None:
        assert self.driver.stop()

    def forget(self) -> None:
        """What comes next must be new."""
        self.seen += self.driver.events()
        self._from = len(self.seen)

    def wait(
        self,
        what: str,
        find: Callable[[list[DriverEvent]], T | None],
        *,
        within_s: float = HANG_GUARD_S,
    ) -> T:
        """What `find` makes of everything since `forget`, as soon as it is not None."""
        until_s = time.monotonic() + within_s
        while True:
            self.seen += self.driver.events()
            found = find(self.seen[self._from :])
            if found is not None:
                return found
            if time.monotonic() > until_s:
                raise AssertionError(f"waited in vain for {what}: {self.seen[-20:]}")
            self._news.wait(0.5)
            self._news.clear()

    def first(self, kind: type[T], *, within_s: float = HANG_GUARD_S) -> T:
        """The first event of this type since `forget`."""
        return self.wait(
            kind.__name__,
            lambda seen: next((e for e in seen if isinstance(e, kind)), None),
            within_s=within_s,
        )

    def after_reset(self, press: Callable[[], None], kind: type[T]) -> T:
        """The first event of this type once the reset button was pressed.

        Pressed again where nothing comes: on a busy machine the emulator now and then loses a press.
        """
        for _ in range(PRESSES - 1):
            press()
            with contextlib.suppress(AssertionError):
                return self.first(kind, within_s=HANG_GUARD_S / PRESSES)
        press()
        return self.first(kind)

    def reading(self, name: str, fits: Callable[[float], bool] = lambda _value: True) -> Reading:
        """The first reading of this metric since `forget` whose value fits."""

        def find(seen: list[DriverEvent]) -> Reading | None:
            for event in seen:
                if isinstance(event, Readings):
                    for reading in event:
                        assert not isinstance(reading.value, str)
                        if reading.name == name and fits(reading.value):
                            return reading
            return None

        return self.wait(f"a reading of {name}", find)

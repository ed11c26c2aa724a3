"""A real serial port; the only module that knows pyserial.

Takes the port for itself twice over: a lock that other careful programs honour, and the kernel's exclusive mode that
keeps all but root out. A program that had the port open before is found in /proc and named.
"""

import errno
import fcntl
import os
import termios
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal

import serial
from serial.rs485 import RS485Settings

from firmware_bridge.errors import PortBusy, PortDenied, PortGone, PortMissing, SettingsError
from firmware_bridge.transport.holders import describe, holders
from firmware_bridge.transport.identity import Roots, check_port, resolve

WRITE_TIMEOUT_S = 2.0
_PARITIES = {"none": serial.PARITY_NONE, "even": serial.PARITY_EVEN, "odd": serial.PARITY_ODD}
_LOST = (serial.SerialException, OSError, termios.error, TypeError)
"""TypeError: pyserial's answer to a port that another thread has just closed."""


@dataclass(frozen=True, slots=True)
class Rs485:
    """Who drives the pair: RTS switches the sender on while we write. Delays in seconds."""

    rts_high_sends: bool = True
    before_s: float = 0.0
    after_s: float = 0.0


@dataclass(frozen=True, slots=True)
class PortSettings:
    """One line. ``port`` is as in `identity`; ``dtr``/``rts``: None leaves the driver's way (most Arduinos reset by DTR)."""

    port: str
    baud: int = 115_200
    parity: Literal["none", "even", "odd"] = "none"
    stop_bits: Literal[1, 2] = 1
    dtr: bool | None = None
    rts: bool | None = None
    rs485: Rs485 | None = None
    roots: Roots = field(default_factory=Roots)

    def __post_init__(self) -> None:
        check_port(self.port)
        if not 50 <= self.baud <= 4_000_000:
            raise SettingsError("baud", f"{self.baud} is not within 50 to 4000000")
        if self.parity not in _PARITIES:
            raise SettingsError("parity", "is none, even or odd")


class SerialPort:
    """A `Transport` over one serial port."""

    def __init__(self, settings: PortSettings) -> None:
        self.name = settings.port
        self._settings = settings
        self._serial: serial.Serial | None = None

    def open(self) -> str:
        """Take the port for ourselves alone, with low latency."""
        self.close()
        device = resolve(self.name, self._settings.roots)
        others = holders(device)
        if others:
            raise PortBusy(self.name, f"is held by {describe(others)}")
        opened = self._opened(str(device))
        try:
            fcntl.ioctl(opened.fileno(), termios.TIOCEXCL)
            self._direct(opened)
        except BaseException:
            opened.close()
            raise
        # Pseudo-terminals and some drivers have no such mode; it only saves milliseconds.
        with suppress(OSError, ValueError, NotImplementedError):
            opened.set_low_latency_mode(True)
        self._serial = opened
        return str(device)

    def read(self, timeout_s: float) -> bytes:
        """Return what arrived."""
        port = self._port()
        try:
            port.timeout = timeout_s
            data = port.read(1)
            if data:
                data += port.read(port.in_waiting)
        except _LOST as error:
            raise self._gone(error) from None
        return bytes(data)

    def write(self, data: bytes) -> None:
        """Send all of it."""
        port = self._port()
        try:
            port.write(data)
        except _LOST as error:
            raise self._gone(error) from None

    def wake(self) -> None:
        """Make ``read`` return."""
        port = self._serial
        if port is not None:
            with suppress(*_LOST):
                port.cancel_read()

    def close(self) -> None:
        """Let the port go."""
        port, self._serial = self._serial, None
        if port is not None:
            with suppress(*_LOST):
                fcntl.ioctl(port.fileno(), termios.TIOCNXCL)
            with suppress(*_LOST):
                port.close()

    def _opened(self, device: str) -> serial.Serial:
        s = self._settings
        port = serial.Serial()
        port.port, port.baudrate, port.exclusive = device, s.baud, True
        port.parity, port.stopbits = _PARITIES[s.parity], s.stop_bits
        port.write_timeout = WRITE_TIMEOUT_S
        if s.dtr is not None:
            port.dtr = s.dtr
        if s.rts is not None:
            port.rts = s.rts
        try:
            port.open()
        except (OSError, ValueError, termios.error) as error:
            raise self._refused(error, device) from None
        return port

    def _refused(self, error: Exception, device: str) -> Exception:
        code = getattr(error, "errno", None)
        if code in {errno.ENOENT, errno.ENXIO, errno.ENODEV, errno.EIO}:
            return PortMissing(self.name, "went away")
        if code == errno.EBUSY or "exclusively lock" in str(error):
            others = holders(resolve(self.name, self._settings.roots), own=0)
            mine = f"(process {os.getpid()})"
            named = ["another port of this same program" if mine in o else o for o in others]
            return PortBusy(self.name, f"is held by {describe(named)}")
        if code in {errno.EACCES, errno.EPERM}:
            return PortDenied(
                self.name, f"{device} is not this user's: add the user to its group (dialout)"
            )
        return PortDenied(self.name, f"can't be opened: {error}")

    def _direct(self, port: serial.Serial) -> None:
        form = self._settings.rs485
        if form is None:
            return
        try:
            port.rs485_mode = RS485Settings(
                rts_level_for_tx=form.rts_high_sends,
                rts_level_for_rx=not form.rts_high_sends,
                delay_before_tx=form.before_s,
                delay_before_rx=form.after_s,
            )
        except (OSError, ValueError) as error:
            raise PortDenied(self.name, f"its driver has no RS-485 mode: {error}") from None

    def _port(self) -> serial.Serial:
        if self._serial is None:
            raise PortGone(self.name, "is not open")
        return self._serial

    def _gone(self, error: Exception) -> PortGone:
        self.close()
        return PortGone(self.name, f"was unplugged ({error})")

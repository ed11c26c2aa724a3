"""Two ends of a line in memory, with switches for what happens to real lines: paused, unplugged, held by somebody."""

import threading
from typing import Final

from firmware_bridge.errors import PortBusy, PortGone, PortMissing

MAX_HELD_BYTES: Final = 1 << 20


class _Cable:
    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.plugged = True
        self.paused = False
        self.plugged_times = 0


class MemoryLine:
    """One end. ``pair`` makes both; what one writes the other reads.

    >>> here, there = MemoryLine.pair()
    >>> _ = here.open(), there.open()
    >>> here.write(b"hello"); there.read(0.0)
    b'hello'
    """

    def __init__(self, name: str, cable: _Cable) -> None:
        self.name = name
        self._cable = cable
        self.incoming = bytearray()
        """Arrived and not yet read."""
        self._other = self
        self._open_as: int | None = None
        self._woken = False
        self.holder: str | None = None
        """Set: somebody else has this end."""

    @classmethod
    def pair(cls) -> tuple["MemoryLine", "MemoryLine"]:
        """Return the two ends of a new line."""
        cable = _Cable()
        one, other = cls("memory-a", cable), cls("memory-b", cable)
        one._other, other._other = other, one
        return one, other

    def pause(self, *, on: bool) -> None:
        """Hold back what is written from now on (the other end hangs), or let it through again."""
        with self._cable.changed:
            self._cable.paused = on
            self._cable.changed.notify_all()

    def unplug(self) -> None:
        """Pull the plug: both ends fail, what is on the way is lost."""
        with self._cable.changed:
            self._cable.plugged = False
            self.incoming.clear()
            self._other.incoming.clear()
            self._cable.changed.notify_all()

    def plug(self) -> None:
        """Put the plug in again: both ends must be opened anew."""
        with self._cable.changed:
            self._cable.plugged = True
            self._cable.plugged_times += 1
            self._cable.changed.notify_all()

    def open(self) -> str:
        """Take this end."""
        with self._cable.changed:
            if not self._cable.plugged:
                raise PortMissing(self.name, "is not plugged in")
            if self.holder is not None:
                raise PortBusy(self.name, f"is held by {self.holder}")
            self._open_as = self._cable.plugged_times
        return self.name

    def read(self, timeout_s: float) -> bytes:
        """Return what arrived."""
        with self._cable.changed:
            self._cable.changed.wait_for(self._readable, timeout_s)
            self._woken = False
            self._check()
            if self._cable.paused:
                return b""
            data = bytes(self.incoming)
            self.incoming.clear()
        return data

    def write(self, data: bytes) -> None:
        """Send; what nobody reads is lost beyond a bound, as in a driver's buffer."""
        with self._cable.changed:
            self._check()
            room = MAX_HELD_BYTES - len(self._other.incoming)
            self._other.incoming += data[:room]
            self._cable.changed.notify_all()

    def wake(self) -> None:
        """Make ``read`` return."""
        with self._cable.changed:
            self._woken = True
            self._cable.changed.notify_all()

    def close(self) -> None:
        """Let go."""
        with self._cable.changed:
            self._open_as = None

    def _readable(self) -> bool:
        held = bool(self.incoming) and not self._cable.paused
        return held or self._woken or self._gone()

    def _gone(self) -> bool:
        cable = self._cable
        return not cable.plugged or self._open_as != cable.plugged_times

    def _check(self) -> None:
        if self._gone():
            raise PortGone(self.name, "was unplugged")

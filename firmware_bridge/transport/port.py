"""What a transport is: the port that serial lines and memory fill.

Opened, read, written and closed by one thread; ``wake`` may be called from any. ``read`` returns as soon as anything has
arrived; an empty result means that ``timeout_s`` passed or ``wake`` was called.
"""

from typing import Protocol


class Transport(Protocol):
    """One line to one microcontroller."""

    @property
    def name(self) -> str:
        """What to call it in messages: the port as it was configured."""

    def open(self) -> str:
        """Take the line; returns the device's real path. Raises PortMissing, PortBusy or PortDenied."""

    def read(self, timeout_s: float) -> bytes:
        """Return what arrived. Raises PortGone."""

    def write(self, data: bytes) -> None:
        """Send all of it. Raises PortGone."""

    def wake(self) -> None:
        """Make a waiting ``read`` return."""

    def close(self) -> None:
        """Let the line go; closing twice does no harm."""

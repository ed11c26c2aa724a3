"""What a protocol is: the port that every module of this folder, and the link, fills.

Sans-IO: bytes and times go in, events and bytes come out; no thread, no clock, no serial port. The owner calls from
one thread: ``receive`` for every chunk, ``tick`` when ``wake_s`` is reached, and after either takes
``take_outgoing`` until it is empty. Times are unix seconds and may be stepped by the host's clock.

The law, tested for all of them: the events depend on the bytes alone, not on how they were cut into chunks; any
bytes give events or counts in ``tally``, never an exception; memory is bounded.
"""

from collections.abc import Sequence
from typing import Protocol as Port

from firmware_bridge.framing.tally import Tally
from firmware_bridge.messages.events import Event


class Protocol(Port):
    """One conversation with one microcontroller."""

    @property
    def tally(self) -> Tally:
        """Running totals of what was received and lost."""

    @property
    def wake_s(self) -> float:
        """When ``tick`` or ``take_outgoing`` should be called next at the latest; infinity for never."""

    def receive(self, data: bytes, at_s: float) -> list[Event]:
        """Take in bytes that arrived at ``at_s``."""

    def tick(self, now_s: float) -> list[Event]:
        """Let time pass."""

    def take_outgoing(self, now_s: float) -> bytes:
        """Return what may be written now; empty if nothing, or if the other end needs a pause."""

    def command(self, key: str, name: str, arguments: Sequence[int | str]) -> None:
        """Queue a command; its end comes as `CommandEnded` with ``key``. Raises CommandRefused."""

    def reopened(self, now_s: float) -> list[Event]:
        """The port was lost and is open again: what was half received is gone."""

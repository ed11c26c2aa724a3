"""Frames that end with one of some delimiter bytes, in bounded memory.

Theory of operation: the buffer never holds more than one unfinished frame of at most ``max_bytes``. Once a
frame is longer, everything up to the next delimiter is thrown away and counted once. Therefore the frames do
not depend on how the stream was cut into chunks.
"""

import re

from firmware_bridge.framing.tally import Tally


class Delimited:
    r"""Splits a stream at delimiters; empty frames vanish.

    >>> lines = Delimited(b"\r\n", 80, Tally())
    >>> lines.feed(b"a=1\r\nb="), lines.feed(b"2\n")
    ([b'a=1'], [b'b=2'])
    """

    def __init__(self, delimiters: bytes, max_bytes: int, tally: Tally) -> None:
        self._max_bytes = max_bytes
        self._tally = tally
        self._rest = bytearray()
        self._skipping = False
        self._single = delimiters if len(delimiters) == 1 else None
        self._any = re.compile(b"[" + re.escape(delimiters) + b"]")

    @property
    def held_bytes(self) -> int:
        """Size of the unfinished frame that is kept; never above ``max_bytes``."""
        return len(self._rest)

    def feed(self, data: bytes) -> list[bytes]:
        """Return the frames that ``data`` completes, without their delimiters."""
        self._tally.received_bytes += len(data)
        parts = data.split(self._single) if self._single else self._any.split(data)
        self._grow(parts[0])
        if len(parts) == 1:
            return []
        frames = [bytes(self._rest)] if self._rest and not self._skipping else []
        self._rest.clear()
        self._skipping = False
        longest = self._max_bytes
        for part in parts[1:-1]:
            if len(part) > longest:
                self._tally.too_long += 1
                self._tally.dropped_bytes += len(part)
            elif part:
                frames.append(part)
        self._grow(parts[-1])
        return frames

    def forget(self) -> None:
        """Drop the unfinished frame: the stream begins anew (the port was reopened)."""
        self._tally.dropped_bytes += len(self._rest)
        self._rest.clear()
        self._skipping = False

    def _grow(self, part: bytes) -> None:
        if self._skipping:
            self._tally.dropped_bytes += len(part)
        elif len(self._rest) + len(part) <= self._max_bytes:
            self._rest += part
        else:
            self._tally.too_long += 1
            self._tally.dropped_bytes += len(self._rest) + len(part)
            self._rest.clear()
            self._skipping = True

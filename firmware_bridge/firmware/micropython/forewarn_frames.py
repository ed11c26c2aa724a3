# ruff: noqa: INP001  (the files of a board lie side by side, not in a package)
"""Frames, table and samples of the link, for MicroPython; used by forewarn_link.py, which is copied with it."""

import struct

GAUGE, COUNTER, BOOLEAN = 0, 1, 2
NO_LIMIT = -(2**31)
BODY_MAX = 120


class Metric:
    """One row of the table: value = raw * scale_m * 10**scale_e, in ``unit`` (SenML); limits are raw."""

    def __init__(
        self,
        name: str,
        unit: str = "",
        *,
        period_ms: int = 0,
        kind: int = GAUGE,
        scale_m: int = 1,
        scale_e: int = 0,
        low: int = NO_LIMIT,
        high: int = NO_LIMIT,
    ) -> None:
        numbers = struct.pack("<BhbIii", kind, scale_m, scale_e, period_ms, low, high)
        self.tail = numbers + text_field(unit, 12) + text_field(name, 32)


def crc16(data: bytes) -> int:
    """CRC-16/IBM-3740."""
    crc = 0xFFFF
    for byte in data:
        mixed = (crc >> 8) ^ byte
        mixed ^= mixed >> 4
        crc = ((crc << 8) ^ (mixed << 12) ^ (mixed << 5) ^ mixed) & 0xFFFF
    return crc


def encode(kind: int, seq: int, body: bytes) -> bytes:
    """Return the wire form, delimiter included."""
    raw = bytes((kind, seq)) + body
    raw += struct.pack(">H", crc16(raw))
    return b"".join(bytes((len(run) + 1,)) + run for run in raw.split(b"\0")) + b"\0"


def decode(wire: bytes) -> "tuple[int, int, bytes] | None":
    """Return type, seq and body of what came before a delimiter; None if it is damaged."""
    raw = b""
    at = 0
    while at < len(wire):
        end = at + wire[at]
        if end == at or end > len(wire):
            return None
        raw += wire[at + 1 : end] + b"\0"
        at = end
    raw = raw[:-1]
    if len(raw) < 4 or crc16(raw) != 0:
        return None
    return raw[0], raw[1], raw[2:-2]


class Samples:
    """The body of a SAMPLES frame being filled."""

    def __init__(self) -> None:
        self.body = b""
        self._time_ms = 0
        self._previous: dict[int, int] = {}

    def begin(self, clock_ms: int) -> None:
        """Start a frame."""
        self.body = struct.pack("<I", clock_ms & 0xFFFFFFFF)
        self._time_ms = clock_ms
        self._previous = {}

    def add(self, metric: int, time_ms: int, raw: "int | None") -> bool:
        """Append a record; None is a failed sensor. False: it needs a new frame."""
        dt = (time_ms - self._time_ms) & 0xFFFFFFFF
        head = metric
        tail = b""
        if dt > 0xFFFF:
            return False
        if dt:
            head |= 0x80
            tail = struct.pack("<H", dt)
        if raw is not None:
            step = _wrapped(raw - self._previous.get(metric, 0))
            width = 1 if -128 <= step < 128 else 2 if -32768 <= step < 32768 else 3
            head |= width << 5
            tail += struct.pack(("", "<b", "<h", "<i")[width], step)
        if len(self.body) + 1 + len(tail) > BODY_MAX:
            return False
        if raw is not None:
            self._previous[metric] = raw
        self.body += bytes((head,)) + tail
        self._time_ms = time_ms
        return True


def text_field(text: str, longest: int) -> bytes:
    """Return length and text, cut to what fits."""
    coded = text.encode()[:longest]
    return bytes((len(coded),)) + coded


def _wrapped(value: int) -> int:
    return (value + 2**31) % 2**32 - 2**31

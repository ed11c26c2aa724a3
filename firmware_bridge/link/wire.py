"""Frames of the link: COBS, type, sequence number, CRC. Section 1 of docs/link-protocol.md."""

from binascii import crc_hqx
from enum import IntEnum
from typing import Final, NamedTuple

from firmware_bridge.framing import cobs
from firmware_bridge.framing.crc import crc16
from firmware_bridge.framing.delimited import Delimited
from firmware_bridge.framing.tally import Tally

MAX_BODY_BYTES: Final = 120
MIN_RAW_BYTES: Final = 4
MAX_RAW_BYTES: Final = MAX_BODY_BYTES + 4
MAX_CODED_BYTES: Final = MAX_RAW_BYTES + 1


class Type(IntEnum):
    """What a frame is; below 0x40 from the microcontroller, above from the host."""

    HELLO = 0x01
    METRIC = 0x02
    SAMPLES = 0x03
    RUN = 0x04
    EVENT = 0x05
    RESULT = 0x06
    PONG = 0x07
    WHO = 0x41
    WELCOME = 0x42
    DESCRIBE = 0x43
    EVENT_ACK = 0x44
    COMMAND = 0x45
    PING = 0x46


KNOWN: Final = frozenset(int(t) for t in Type)


class Frame(NamedTuple):
    """One frame whose check sum is right; ``type`` may be unknown."""

    type: int
    seq: int
    body: bytes


class FrameReader:
    """Bytes of one direction → frames. Bad ones are counted in the tally."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._splitter = Delimited(b"\0", MAX_CODED_BYTES, tally)

    def feed(self, data: bytes) -> list[Frame]:
        """Return the frames that ``data`` completes."""
        frames = []
        decode = cobs.decode
        for coded in self._splitter.feed(data):
            try:
                raw = decode(coded)
            except cobs.DECODE_ERRORS:
                self._bad(coded)
                continue
            if len(raw) < MIN_RAW_BYTES or crc_hqx(raw, 0xFFFF):
                self._bad(coded)
                continue
            frames.append(Frame(raw[0], raw[1], raw[2:-2]))
        return frames

    def forget(self) -> None:
        """Begin anew after the port was reopened."""
        self._splitter.forget()

    def _bad(self, coded: bytes) -> None:
        self._tally.bad += 1
        self._tally.dropped_bytes += len(coded)


class FrameWriter:
    """Numbers frames and puts them into their wire form."""

    def __init__(self) -> None:
        self._seq = 0

    def frame(self, kind: Type, body: bytes = b"") -> bytes:
        """Return the next frame's bytes with its delimiter; the body is at most `MAX_BODY_BYTES`."""
        assert len(body) <= MAX_BODY_BYTES
        raw = bytes((kind, self._seq)) + body
        self._seq = (self._seq + 1) & 0xFF
        return cobs.encode(raw + crc16(raw).to_bytes(2, "big")) + b"\0"

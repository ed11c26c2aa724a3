"""The few packets of MQTT 3.1.1 that a device needs, as bytes; no socket, no clock.

A client library keeps a thread or several objects for each connection. Five thousand devices in one
process need less: a buffer and these functions. Source: OASIS MQTT 3.1.1, chapters 2 and 3.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from server.bench.errors import BenchError

CONNACK: Final = 2
PUBLISH: Final = 3
PUBACK: Final = 4
SUBACK: Final = 9
PINGRESP: Final = 13

PINGREQ: Final = b"\xc0\x00"
DISCONNECT: Final = b"\xe0\x00"
REFUSED_CREDENTIALS: Final = frozenset({4, 5})

_RETAIN, _QOS_1, _DUP = 1, 2, 8
_MOST_LENGTH_BYTES: Final = 4


def connect(
    *, client_id: str, username: str, password: str, keepalive_s: int, will: tuple[str, bytes]
) -> bytes:
    """CONNECT with a clean session; `will` is (topic, payload), sent at QoS 1 and retained."""
    flags = 0b1110_1110  # user name, password, will retained at QoS 1, clean session
    head = _text("MQTT") + bytes((4, flags)) + keepalive_s.to_bytes(2)
    body = b"".join(
        (head, _text(client_id), _text(will[0]), _binary(will[1]), _text(username), _text(password))
    )
    return b"\x10" + _length(len(body)) + body


def subscribe(number: int, topic: str, *, qos: int) -> bytes:
    body = number.to_bytes(2) + _text(topic) + bytes((qos,))
    return b"\x82" + _length(len(body)) + body


def publish(
    topic: bytes, number: int, payload: bytes, *, retain: bool = False, again: bool = False
) -> bytes:
    """PUBLISH at QoS 1; `topic` in UTF-8, `again` for one that was sent before."""
    flags = 0x30 | _QOS_1 | (_RETAIN if retain else 0) | (_DUP if again else 0)
    length = len(topic) + len(payload) + 4
    return b"".join(
        (
            bytes((flags,)),
            _length(length),
            len(topic).to_bytes(2),
            topic,
            number.to_bytes(2),
            payload,
        )
    )


class PacketReader:
    """Cuts what arrives into packets, however it was cut on its way."""

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """(kind, body) of each packet that is whole now; raises BenchError for what can't be MQTT."""
        data = self._rest + data if self._rest else data
        at = 0
        while (end := _end(data, at)) is not None:
            start, stop = end
            if stop > len(data):
                break
            yield data[at] >> 4, data[start:stop]
            at = stop
        self._rest = data[at:]


def _end(data: bytes, at: int) -> tuple[int, int] | None:
    """Where the body of the packet at `at` starts and stops; None while its length is cut short."""
    length = shift = 0
    for place in range(at + 1, min(at + 1 + _MOST_LENGTH_BYTES, len(data))):
        length |= (data[place] & 0x7F) << shift
        shift += 7
        if not data[place] & 0x80:
            return place + 1, place + 1 + length
    if shift == 7 * _MOST_LENGTH_BYTES:
        raise BenchError("what answers does not speak MQTT")
    return None


def _length(count: int) -> bytes:
    """The variable length of the fixed header: seven bits a byte."""
    if count < 0x80:
        return bytes((count,))
    found = bytearray()
    while count >= 0x80:
        found.append(count & 0x7F | 0x80)
        count >>= 7
    found.append(count)
    return bytes(found)


def _text(text: str) -> bytes:
    return _binary(text.encode())


def _binary(data: bytes) -> bytes:
    return len(data).to_bytes(2) + data

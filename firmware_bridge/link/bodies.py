"""Bodies of the frames but for samples: sections 3 to 9 of docs/link-protocol.md. Decoding raises Malformed only."""

import struct
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from typing import Any, Final

NO_LIMIT: Final = -(2**31)

_HELLO: Final = struct.Struct("<7BIH")
_METRIC: Final = struct.Struct("<BBhbIii")
_EVENT: Final = struct.Struct("<BBIi")
_RESULT: Final = struct.Struct("<BBi")
_PONG: Final = struct.Struct("<BIHH")


class Malformed(ValueError):
    """The check sum was right and the content is not: counted as bad."""


class HelloFlag(IntFlag):
    """Flags of HELLO."""

    FRESH = 1
    ONE_WAY = 2


class Status(IntEnum):
    """Status of RESULT."""

    DONE = 0
    NO_SUCH_COMMAND = 1
    BAD_ARGUMENTS = 2
    BUSY = 3
    FAILED = 4


RESET_REASONS: Final = (
    "unknown", "power-on", "external pin", "brown-out", "watchdog", "software", "assert",
)  # fmt: skip
EVENT_KINDS: Final = {
    1: "brown_out", 2: "watchdog", 3: "assert", 4: "sensor_fault", 5: "sensor_back", 6: "overrun", 7: "log",
}  # fmt: skip
METRIC_KINDS: Final = ("gauge", "counter", "boolean")


@dataclass(frozen=True, slots=True)
class Hello:
    """Who the microcontroller is."""

    version_min: int
    version_max: int
    flags: int
    reset: int
    metrics: int
    rx_max: int
    rx_gap_ms: int
    clock: int
    table_crc: int
    model: str
    firmware: str


@dataclass(frozen=True, slots=True)
class Metric:
    """One row of the table of metrics; limits are raw values, `NO_LIMIT` for none."""

    id: int
    kind: int
    scale_m: int
    scale_e: int
    period_ms: int
    low: int
    high: int
    unit: str
    name: str


@dataclass(frozen=True, slots=True)
class EventBody:
    """Something that the firmware reports."""

    number: int
    kind: int
    clock: int
    value: int
    text: str


@dataclass(frozen=True, slots=True)
class Result:
    """The answer to a command."""

    number: int
    status: int
    value: int
    text: str


@dataclass(frozen=True, slots=True)
class Pong:
    """The answer to a PING."""

    token: int
    clock: int
    dropped: int
    bad: int


def _fixed(layout: struct.Struct, body: bytes) -> tuple[Any, ...]:
    if len(body) < layout.size:
        raise Malformed("shorter than its fixed fields")
    return layout.unpack_from(body)


def _text(body: bytes, at: int) -> tuple[str, int]:
    """Return the text that begins with its length at ``at``, and where it ends."""
    if at >= len(body):
        raise Malformed("a text is missing")
    end = at + 1 + body[at]
    if end > len(body):
        raise Malformed("a text is longer than its frame")
    return body[at + 1 : end].decode("latin-1"), end


def _coded(text: str) -> bytes:
    return bytes((len(text),)) + text.encode("latin-1")


def decode_hello(body: bytes) -> Hello:
    """Decode HELLO."""
    fixed = _fixed(_HELLO, body)
    model, at = _text(body, _HELLO.size)
    firmware, _ = _text(body, at)
    hello = Hello(*(*fixed, model, firmware))
    if not 1 <= hello.version_min <= hello.version_max or hello.metrics > 32 or hello.rx_max < 24:
        raise Malformed("a field of HELLO is out of its range")
    return hello


def decode_metric(body: bytes) -> Metric:
    """Decode METRIC."""
    fixed = _fixed(_METRIC, body)
    unit, at = _text(body, _METRIC.size)
    name, _ = _text(body, at)
    metric = Metric(*(*fixed, unit, name))
    if metric.id > 31 or metric.scale_m == 0 or not -9 <= metric.scale_e <= 9 or not name:
        raise Malformed("a field of METRIC is out of its range")
    return metric


def decode_event(body: bytes) -> EventBody:
    """Decode EVENT."""
    return EventBody(*(*_fixed(_EVENT, body), _text(body, _EVENT.size)[0]))


def decode_result(body: bytes) -> Result:
    """Decode RESULT."""
    return Result(*(*_fixed(_RESULT, body), _text(body, _RESULT.size)[0]))


def decode_pong(body: bytes) -> Pong:
    """Decode PONG."""
    return Pong(*_fixed(_PONG, body))


def decode_command(body: bytes) -> tuple[int, str, list[int]]:
    """Decode COMMAND into its number, name and arguments."""
    if not body:
        raise Malformed("no number")
    name, at = _text(body, 1)
    if (len(body) - at) % 4:
        raise Malformed("arguments are not whole")
    return body[0], name, [v for (v,) in struct.iter_unpack("<i", body[at:])]


def encode_hello(hello: Hello) -> bytes:
    """Encode HELLO."""
    fixed = _HELLO.pack(
        hello.version_min, hello.version_max, hello.flags, hello.reset, hello.metrics,
        hello.rx_max, hello.rx_gap_ms, hello.clock, hello.table_crc,
    )  # fmt: skip
    return fixed + _coded(hello.model) + _coded(hello.firmware)


def encode_metric(m: Metric) -> bytes:
    """Encode METRIC."""
    fixed = _METRIC.pack(m.id, m.kind, m.scale_m, m.scale_e, m.period_ms, m.low, m.high)
    return fixed + _coded(m.unit) + _coded(m.name)


def encode_event(event: EventBody) -> bytes:
    """Encode EVENT."""
    return _EVENT.pack(event.number, event.kind, event.clock, event.value) + _coded(event.text)


def encode_result(result: Result) -> bytes:
    """Encode RESULT."""
    return _RESULT.pack(result.number, result.status, result.value) + _coded(result.text)


def encode_pong(pong: Pong) -> bytes:
    """Encode PONG."""
    return _PONG.pack(pong.token, pong.clock, pong.dropped, pong.bad)


def encode_command(number: int, name: str, arguments: list[int]) -> bytes:
    """Encode COMMAND."""
    return bytes((number,)) + _coded(name) + struct.pack(f"<{len(arguments)}i", *arguments)

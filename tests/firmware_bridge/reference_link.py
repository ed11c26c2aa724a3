"""Slow, obvious second implementation of docs/link-protocol.md: written from the page, not from the library."""

from __future__ import annotations

import itertools

Record = tuple[int, int, int | None]
"""Metric, time in ms, raw value (None: the sensor failed)."""

TYPES = {
    "HELLO": 0x01, "METRIC": 0x02, "SAMPLES": 0x03, "RUN": 0x04, "EVENT": 0x05, "RESULT": 0x06, "PONG": 0x07,
    "WHO": 0x41, "WELCOME": 0x42, "DESCRIBE": 0x43, "EVENT_ACK": 0x44, "COMMAND": 0x45, "PING": 0x46,
}  # fmt: skip

LAYOUT: dict[str, list[tuple[str, str]]] = {
    "HELLO": [
        ("version_min", "u8"), ("version_max", "u8"), ("flags", "u8"), ("reset", "u8"), ("metrics", "u8"),
        ("rx_max", "u8"), ("rx_gap_ms", "u8"), ("clock", "u32"), ("table_crc", "u16"), ("model", "text"),
        ("firmware", "text"),
    ],
    "METRIC": [
        ("id", "u8"), ("kind", "u8"), ("scale_m", "i16"), ("scale_e", "i8"), ("period_ms", "u32"),
        ("low", "i32"), ("high", "i32"), ("unit", "text"), ("name", "text"),
    ],
    "EVENT": [("number", "u8"), ("kind", "u8"), ("clock", "u32"), ("value", "i32"), ("text", "text")],
    "RESULT": [("number", "u8"), ("status", "u8"), ("value", "i32"), ("text", "text")],
    "PONG": [("token", "u8"), ("clock", "u32"), ("dropped", "u16"), ("bad", "u16")],
    "WHO": [],
    "WELCOME": [("version", "u8"), ("flags", "u8")],
    "DESCRIBE": [("metric", "u8")],
    "EVENT_ACK": [("number", "u8")],
    "COMMAND": [("number", "u8"), ("name", "text"), ("args", "i32*")],
    "PING": [("token", "u8")],
}  # fmt: skip


def crc(data: bytes) -> int:
    register = 0xFFFF
    for byte in data:
        for bit in range(7, -1, -1):
            top = (register >> 15) & 1
            register = (register << 1) & 0xFFFF
            if top != (byte >> bit) & 1:
                register ^= 0x1021
    return register


def cobs(plain: bytes) -> bytes:
    return b"".join(bytes([len(run) + 1]) + run for run in plain.split(b"\0"))


def uncobs(coded: bytes) -> bytes:
    runs = []
    at = 0
    while at < len(coded):
        code = coded[at]
        assert 1 <= code < 0xFF
        assert at + code <= len(coded)
        runs.append(coded[at + 1 : at + code])
        at += code
    return b"\0".join(runs)


def field(kind: str, value: object) -> bytes:
    if kind == "text":
        coded = str(value).encode("ascii")
        return bytes([len(coded)]) + coded
    if kind == "i32*":
        assert isinstance(value, list)
        return b"".join(field("i32", one) for one in value)
    assert isinstance(value, int)
    return value.to_bytes(int(kind[1:]) // 8, "little", signed=kind[0] == "i")


def body(name: str, fields: dict[str, object]) -> bytes:
    return b"".join(field(kind, fields[key]) for key, kind in LAYOUT[name])


def raw_frame(name: str, seq: int, content: bytes) -> bytes:
    raw = bytes([TYPES[name], seq]) + content
    return raw + crc(raw).to_bytes(2, "big")


def wire_frame(name: str, seq: int, content: bytes) -> bytes:
    return cobs(raw_frame(name, seq, content)) + b"\0"


def wrap_i32(value: int) -> int:
    return (value + 2**31) % 2**32 - 2**31


def samples(clock: int, records: list[Record]) -> bytes:
    out = clock.to_bytes(4, "little")
    now = clock
    previous: dict[int, int] = {}
    for metric, time, value in records:
        head, dt, coded = metric, b"", b""
        if time != now:
            head |= 0x80
            dt = (time - now).to_bytes(2, "little")
            now = time
        if value is not None:
            difference = wrap_i32(value - previous.get(metric, 0))
            size = next(
                n for n in (1, 2, 4) if -(2 ** (8 * n - 1)) <= difference < 2 ** (8 * n - 1)
            )
            head |= {1: 1, 2: 2, 4: 3}[size] << 5
            coded = difference.to_bytes(size, "little", signed=True)
            previous[metric] = value
        out += bytes([head]) + dt + coded
    return out


def unsamples(content: bytes) -> list[Record]:
    now = int.from_bytes(content[:4], "little")
    records: list[Record] = []
    previous: dict[int, int] = {}
    at = 4
    while at < len(content):
        head = content[at]
        at += 1
        metric = head & 31
        if head & 0x80:
            assert at + 2 <= len(content)
            now += int.from_bytes(content[at : at + 2], "little")
            at += 2
        size = (0, 1, 2, 4)[head >> 5 & 3]
        assert at + size <= len(content)
        if size == 0:
            records.append((metric, now, None))
            continue
        difference = int.from_bytes(content[at : at + size], "little", signed=True)
        at += size
        previous[metric] = wrap_i32(previous.get(metric, 0) + difference)
        records.append((metric, now, previous[metric]))
    return records


def run(metric: int, clock: int, step_us: int, values: list[int]) -> bytes:
    differences = [b - a for a, b in itertools.pairwise(values)]
    width = 1 if all(-128 <= d < 128 for d in differences) else 2
    head = bytes([metric, width]) + clock.to_bytes(4, "little") + step_us.to_bytes(4, "little")
    tail = b"".join(d.to_bytes(width, "little", signed=True) for d in differences)
    return head + values[0].to_bytes(4, "little", signed=True) + tail

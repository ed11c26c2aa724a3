"""The law of `firmware_bridge.protocols.port`, for every protocol."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge import PROTOCOLS, Event, Protocol, Readings, Value, build
from firmware_bridge.framing import cobs, slip
from firmware_bridge.framing.crc import nmea_sum
from firmware_bridge.link.bodies import Metric
from firmware_bridge.link.mcu import Firmware, SimulatedMcu

MODBUS = {"registers": [{"name": "t", "address": 7, "type": "i16", "scale": 0.1, "unit": "Cel"}]}
AT_S = 1000.0


@dataclass(frozen=True)
class Case:
    protocol: str
    settings: dict
    good: bytes
    """A stream that gives ``values``; may be repeated."""
    values: tuple[Value, ...]
    name: str = ""

    def __str__(self) -> str:
        return self.name or self.protocol

    def make(self) -> Protocol:
        protocol = build(self.protocol, self.settings)
        protocol.tick(AT_S)
        while protocol.take_outgoing(AT_S):
            pass
        return protocol


def link_stream() -> bytes:
    """What a chip says from its HELLO to its first sample."""
    mcu = SimulatedMcu(Firmware((Metric(0, 0, 1, -1, 0, 0, 999, "Cel", "t"),)))
    mcu.tick(0)
    mcu.receive(welcome(), 1)
    mcu.sample(0, 2, 215)
    mcu.flush(3)
    return mcu.take()


def welcome() -> bytes:
    from firmware_bridge.link.wire import FrameWriter, Type  # noqa: PLC0415

    return FrameWriter().frame(Type.WELCOME, b"\1\0")


def nmea(text: str) -> bytes:
    return f"${text}*{nmea_sum(text.encode()):02X}\r\n".encode()


def modbus_answer() -> bytes:
    from pymodbus.framer import FramerRTU  # noqa: PLC0415

    body = bytes([1, 3, 2, 0, 215])
    return body + FramerRTU.compute_CRC(body).to_bytes(2, "big")


CASES = [
    Case("link", {}, link_stream(), (21.5,)),
    Case("json", {}, b'{"t": 21.5, "door": {"open": true}, "s": "ok"}\r\n', (21.5, True, "ok")),
    Case("json", {"framing": "slip"}, slip.encode(b'{"t": 21.5}'), (21.5,), "json in slip"),
    Case("json", {"framing": "cobs"}, cobs.encode(b'{"t": 21.5}') + b"\0", (21.5,), "json in cobs"),
    Case("key_value", {}, b"temp=21.5 hum=40%\r\n", (21.5, 40.0)),
    Case(
        "key_value", {"clock_field": "ms"}, b"ms=1000 temp=21.5\n", (21.5,), "key_value with clock"
    ),
    Case("csv", {}, b"temp,rpm\n21.5,900\n", (21.5, 900.0), "csv with header"),
    Case("csv", {"columns": ["a", "b"], "delimiter": ";"}, b"1;2\n", (1.0, 2.0)),
    Case("regex", {"pattern": r"T(?P<t>\S+) R(?P<r>\d+)"}, b"T21.5 R900\n", (21.5, 900.0)),
    Case("nmea", {}, nmea("SDMTW,17.5,C"), (17.5,)),
    Case("println", {}, b"Temperature: 21.5 C\r\n", (21.5,)),
    Case("modbus", MODBUS, modbus_answer(), (21.5,)),
]
ONE_SHOT = {"modbus"}
"""Answers only when asked: what comes later is not asked for."""

every = pytest.mark.parametrize("case", CASES, ids=str)


def values(events: list[Event]) -> list[Value]:
    return [reading.value for e in events if isinstance(e, Readings) for reading in e]


def fed(case: Case, chunks: list[bytes]) -> tuple[list[Event], Protocol]:
    protocol = case.make()
    return [event for chunk in chunks for event in protocol.receive(chunk, AT_S)], protocol


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    ends = sorted({min(cut, len(data)) for cut in cuts} | {0, len(data)})
    return [data[a:b] for a, b in itertools.pairwise(ends)]


def test_every_protocol_is_here() -> None:
    assert {case.protocol for case in CASES} == set(PROTOCOLS)


@every
def test_good_stream_gives_its_values(case: Case) -> None:
    events, protocol = fed(case, [case.good])
    assert tuple(values(events)) == case.values
    assert protocol.tally.frames >= 1
    assert protocol.tally.trouble == 0
    assert protocol.tally.received_bytes == len(case.good)


@st.composite
def streams(draw: st.DrawFn, case: Case) -> bytes:
    """Good frames, halves of them, single bits changed, and noise between."""
    good = case.good
    parts = []
    for _ in range(draw(st.integers(0, 6))):
        kind = draw(st.integers(0, 4))
        if kind == 0:
            parts.append(draw(st.binary(max_size=40)))
        elif kind == 1:
            parts.append(good[: draw(st.integers(0, len(good)))])
        elif kind == 2:
            at = draw(st.integers(0, len(good) - 1))
            bit = 1 << draw(st.integers(0, 7))
            parts.append(good[:at] + bytes([good[at] ^ bit]) + good[at + 1 :])
        else:
            parts.append(good)
    return b"".join(parts)


@every
@given(data=st.data())
def test_any_bytes_in_any_chunks_are_the_same_events(case: Case, data: st.DataObject) -> None:
    stream = data.draw(streams(case))
    cuts = data.draw(st.lists(st.integers(0, max(len(stream), 1)), max_size=8))
    whole, one = fed(case, [stream])
    cut, other = fed(case, pieces(stream, cuts))
    single, third = fed(case, [bytes([b]) for b in stream])
    assert cut == whole
    assert single == whole
    assert one.tally == other.tally == third.tally
    assert one.tally.received_bytes == len(stream)


@every
@given(noise=st.binary(max_size=200))
def test_noise_never_raises_and_the_next_frames_are_read(case: Case, noise: bytes) -> None:
    _, protocol = fed(case, [noise])
    if case.protocol in ONE_SHOT:
        assert values(protocol.receive(case.good, AT_S))[-1:] == list(case.values)
        return
    # The end of the noise may spoil the first frame; after a delimiter all is well.
    protocol.receive(case.good, AT_S)
    if case.name == "csv with header":
        protocol.reopened(AT_S)
    assert tuple(values(protocol.receive(case.good, AT_S)))[-len(case.values) :] == case.values


@every
def test_a_megabyte_without_a_delimiter_is_bounded_and_counted(case: Case) -> None:
    protocol = case.make()
    for _ in range(256):
        assert protocol.receive(b"U" * 4096, AT_S) == []
    kept = [len(v) for v in held_buffers(protocol)]
    assert kept
    assert max(kept) <= 1024
    assert protocol.tally.dropped_bytes >= 256 * 4096 - 1024
    protocol.receive(case.good[-1:], AT_S)  # its delimiter
    assert tuple(values(protocol.receive(case.good, AT_S))) == case.values


def held_buffers(thing: object, depth: int = 4) -> list[bytearray]:
    """Every bytearray that is reached from an object."""
    if isinstance(thing, bytearray):
        return [thing]
    if depth == 0 or not hasattr(thing, "__dict__"):
        return []
    return [b for inner in vars(thing).values() for b in held_buffers(inner, depth - 1)]


@every
def test_wrong_baud_is_noise(case: Case) -> None:
    """Bytes as another speed would see them: mostly framing errors, hardly any readings."""
    random = Random(5)
    events, protocol = fed(
        case, [bytes(random.choice(b"\x00\x80\xf8\xfe\xff\xe0\x1c") for _ in range(3000))]
    )
    assert values(events) == []
    assert protocol.tally.frames == 0


@every
def test_reopening_drops_the_half_frame(case: Case) -> None:
    protocol = case.make()
    protocol.receive(case.good[: len(case.good) // 2], AT_S)
    protocol.reopened(AT_S)
    protocol.tick(AT_S + 60)
    while protocol.take_outgoing(AT_S + 60):
        pass
    events = protocol.receive(case.good, AT_S + 60)
    assert tuple(values(events)) == case.values

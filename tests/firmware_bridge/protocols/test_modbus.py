"""Modbus RTU against pymodbus's own server side: polling, writing, refusals, silence, byte orders."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymodbus.framer import FramerRTU
from pymodbus.pdu import DecodePDU, ExceptionResponse

from firmware_bridge import Announced, CommandEnded, CommandRefused, Outcome, Readings, build
from firmware_bridge.protocols.registers import blocks, registers, value
from firmware_bridge.protocols.settings import ModbusSettings, RegisterSettings, read

MAP = {
    "period_s": 10.0,
    "registers": [
        {"name": "t", "address": 0, "type": "i16", "scale": 0.1, "unit": "Cel"},
        {"name": "p", "address": 2, "type": "f32", "byte_order": "CDAB", "unit": "Pa"},
        {"name": "count", "address": 900, "type": "u32", "table": "input"},
        {"name": "relay", "address": 5, "table": "coil", "writable": True},
        {"name": "target", "address": 20, "type": "i16", "scale": 0.5, "writable": True},
        {"name": "far", "address": 40, "type": "f32", "writable": True},
    ],
}


class Device:
    """A Modbus device in a few lines, on pymodbus's decoder of requests."""

    def __init__(self) -> None:
        self.words = dict.fromkeys(range(1000), 0)
        self.coils = dict.fromkeys(range(100), False)
        self.framer = FramerRTU(DecodePDU(is_server=True))
        self.refuse: int | None = None
        self.requests: list[int] = []

    def answer(self, request: bytes) -> bytes:
        used, pdu = self.framer.handleFrame(request, 0, 0)
        assert used == len(request)
        assert pdu is not None
        self.requests.append(pdu.function_code)
        if self.refuse is not None:
            return self.framer.buildFrame(ExceptionResponse(pdu.function_code, self.refuse))
        match pdu.function_code:
            case 1:
                bits = sum(self.coils[pdu.address + n] << n for n in range(pdu.count))
                size = (pdu.count + 7) // 8
                return self.frame(bytes([1, size]) + bits.to_bytes(size, "little"))
            case 3 | 4:
                words = [self.words[pdu.address + n] for n in range(pdu.count)]
                data = struct.pack(f">{pdu.count}H", *words)
                return self.frame(bytes([pdu.function_code, len(data)]) + data)
            case 5:
                self.coils[pdu.address] = pdu.bits[0]
            case 6 | 16:
                for n, word in enumerate(pdu.registers):
                    self.words[pdu.address + n] = word
        return request[:6] + FramerRTU.compute_CRC(request[:6]).to_bytes(2, "big")

    def frame(self, pdu: bytes) -> bytes:
        return self.framer.encode(pdu, 1, 0)


def poll(protocol, device, start: float, seconds: float, *, deaf: bool = False) -> list:
    events, now = [], start
    while now < start + seconds:
        events += protocol.tick(now)
        request = protocol.take_outgoing(now)
        if request and not deaf:
            events += protocol.receive(device.answer(request), now + 0.01)
        now += 0.02
    return events


@pytest.fixture
def device() -> Device:
    made = Device()
    made.words[0] = (-105) & 0xFFFF
    high, low = struct.unpack(">HH", struct.pack(">f", 101325.0))
    made.words[2], made.words[3] = low, high
    made.words[900], made.words[901] = 1, 2
    return made


def latest(events: list) -> dict:
    return {r.name: r.value for e in events if isinstance(e, Readings) for r in e}


def test_all_tables_are_polled_each_period(device: Device) -> None:
    protocol = build("modbus", MAP)
    events = poll(protocol, device, 100.0, 5.0)
    assert latest(events) == {
        "t": -10.5, "p": 101325.0, "count": 65538.0, "relay": False, "target": 0.0, "far": 0.0,
    }  # fmt: skip
    assert len([e for e in events if isinstance(e, Announced)]) == 1
    assert sorted(device.requests) == [1, 3, 3, 3, 4]
    assert poll(protocol, device, 105.0, 4.9) == []
    assert latest(poll(protocol, device, 110.0, 1.0))


def test_writes_go_in_between_and_are_answered(device: Device) -> None:
    protocol = build("modbus", MAP)
    poll(protocol, device, 100.0, 1.0)
    for key, name, wanted in (("a", "relay", 1), ("b", "target", "-3.5"), ("c", "far", 2.5)):
        protocol.command(key, name, [wanted])
    ended = [e for e in poll(protocol, device, 101.0, 1.0) if isinstance(e, CommandEnded)]
    assert [(e.key, e.outcome) for e in ended] == [(k, Outcome.DONE) for k in "abc"]
    assert device.coils[5] is True
    assert device.words[20] == (-7) & 0xFFFF
    assert latest(poll(protocol, device, 110.0, 1.0))["far"] == 2.5


@pytest.mark.parametrize(
    ("name", "arguments", "why"),
    [
        ("t", [1], "writable"),
        ("absent", [1], "writable"),
        ("relay", [], "one value"),
        ("target", ["warm"], "number"),
        ("target", [1e6], "fit"),
        ("target", ["nan"], "fit"),
    ],
)
def test_impossible_writes_are_refused(name: str, arguments: list, why: str) -> None:
    with pytest.raises(CommandRefused, match=why):
        build("modbus", MAP).command("k", name, arguments)


def test_device_that_refuses_and_one_that_is_silent(device: Device) -> None:
    protocol = build("modbus", MAP)
    device.refuse = 2
    failed = [n for e in poll(protocol, device, 100.0, 3.0) for n in e.failed]
    assert sorted(failed) == sorted(r["name"] for r in MAP["registers"])
    assert protocol.tally.bad == 5
    device.refuse = None
    events = poll(protocol, device, 110.0, 9.0, deaf=True)
    assert sorted(n for e in events for n in e.failed) == sorted(failed)
    assert (protocol.tally.lost, protocol.tally.repeated) == (5, 5)
    assert latest(poll(protocol, device, 120.0, 3.0))["t"] == -10.5


@given(st.binary(max_size=60))
def test_answer_is_found_behind_noise(noise: bytes) -> None:
    protocol = build("modbus", {"registers": [{"name": "t", "address": 0}]})
    protocol.tick(0.0)
    request = protocol.take_outgoing(0.0)
    device = Device()
    device.words[0] = 7
    answer = device.answer(request)
    events = protocol.receive(noise + answer + noise, 0.1)
    assert latest(events) == {"t": 7.0}
    assert protocol.tally.dropped_bytes == 2 * len(noise)


@given(
    st.sampled_from(["u16", "i16", "u32", "i32", "u64", "i64", "f64"]),
    st.sampled_from(["ABCD", "CDAB", "BADC", "DCBA"]),
    st.integers(0, 30_000),
)
def test_values_go_into_registers_and_back(kind: str, order: str, wanted: int) -> None:
    row = RegisterSettings(name="x", address=0, type=kind, byte_order=order, scale=0.5, offset=-3)
    assert value(row, registers(row, wanted / 2)) == wanted / 2


def test_byte_orders_are_the_usual_ones() -> None:
    words = {
        "ABCD": [0x0A0B, 0x0C0D], "CDAB": [0x0C0D, 0x0A0B], "BADC": [0x0B0A, 0x0D0C], "DCBA": [0x0D0C, 0x0B0A],
    }  # fmt: skip
    for order, raw in words.items():
        row = RegisterSettings(name="x", address=0, type="u32", byte_order=order)
        assert value(row, raw) == 0x0A0B0C0D


def test_blocks_join_neighbours_up_to_the_limit() -> None:
    rows = [{"name": f"r{n}", "address": n * 3} for n in range(60)]
    found = blocks(read(ModbusSettings, {"registers": rows}).registers)
    assert [b.address for b in found] == [0, 126]
    assert all(b.quantity <= 125 for b in found)
    assert sum(len(b.rows) for b in found) == 60

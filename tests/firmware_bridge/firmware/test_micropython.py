"""The MicroPython module, run by CPython: golden bytes, and a conversation with the bridge itself."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge import (
    CommandEnded,
    Event,
    HostLink,
    LinkDown,
    LinkSettings,
    LinkUp,
    McuEvent,
    McuReset,
    Outcome,
    Readings,
)
from tests.firmware_bridge import reference_link as ref
from tests.firmware_bridge.firmware.conftest import FIRMWARE
from tests.firmware_bridge.firmware.golden_header import load

sys.path.append(str(FIRMWARE / "micropython"))  # as the files lie on a board

import forewarn_frames as frames
import forewarn_link as micro

START_S = 1_800_000_000.0
METRIC_FIELDS = ("period_ms", "kind", "scale_m", "scale_e", "low", "high")


def table() -> list[Any]:
    rows = [frame["fields"] for frame in load("frames.json")["frames"] if frame["type"] == "METRIC"]
    return [
        frames.Metric(row["name"], row["unit"], **{field: row[field] for field in METRIC_FIELDS})
        for row in rows[:4]
    ]


def relay(args: list[int]) -> int:
    if args not in ([0], [1]):
        raise micro.Refused(micro.BAD_ARGUMENTS, 0, "0 or 1")
    return args[0]


def start(commands: dict[str, Callable[[list[int]], int]] | None = None, **options: Any) -> Any:
    return micro.Link("uno-demo", "1.0.0", table(), commands or {"relay": relay}, **options)


def running() -> Any:
    link = start()
    link.receive(ref.wire_frame("WELCOME", 0, bytes([1, 1])), 1)
    link.take()
    return link


@pytest.mark.parametrize("frame", load("frames.json")["frames"], ids=lambda frame: frame["name"])
def test_golden_frames(frame: dict[str, Any]) -> None:
    kind, body = ref.TYPES[frame["type"]], bytes.fromhex(frame["body"])
    wire = bytes.fromhex(frame["wire"])
    assert frames.encode(kind, frame["seq"], body) == wire
    assert frames.decode(wire[:-1]) == (kind, frame["seq"], body)


@pytest.mark.parametrize("row", load("samples.json"), ids=lambda row: row["name"])
def test_golden_samples(row: dict[str, Any]) -> None:
    samples = frames.Samples()
    samples.begin(row["clock"])
    assert all(samples.add(*record) for record in row["records"])
    assert samples.body.hex() == row["body"]


@pytest.mark.parametrize("bad", load("bad.json"), ids=lambda bad: bad["name"])
def test_golden_damage_is_counted_and_passed(bad: dict[str, str]) -> None:
    link = running()
    link.receive(bytes.fromhex(bad["wire"]), 2)
    # A frame of its own kind is none that it takes: unknown, whatever is wrong inside.
    is_other = bad["why"] in {"unknown", "body"}
    assert (link.bad, link.unknown) == ((0, 1) if is_other else (1, 0))
    link.receive(ref.wire_frame("PING", 9, b"\x05"), 3)
    assert link.take()


def test_golden_crc_and_metrics() -> None:
    for row in load("crc.json"):
        assert frames.crc16(bytes.fromhex(row["data"])) == row["crc"]
    for frame in load("frames.json")["frames"]:
        if frame["type"] == "METRIC":
            row = frame["fields"]
            metric = frames.Metric(
                row["name"], row["unit"], **{field: row[field] for field in METRIC_FIELDS}
            )
            assert bytes([row["id"]]) + metric.tail == bytes.fromhex(frame["body"])


def test_golden_conversation_but_for_the_size_of_its_buffer() -> None:
    link, now_ms, said = start(now_ms=12, reset=micro.POWER_ON), 12, b""
    for step in load("conversation.json"):
        wire = bytes.fromhex(step["wire"])
        if step["from"] == "host":
            now_ms = {"PING": 700, "WHO": 900}.get(step["name"], now_ms)
            link.receive(wire, now_ms)
            continue
        if step["name"] == "SAMPLES":
            for metric, raw in enumerate([2345, 812, 5021, 0]):
                assert link.sample(metric, raw, 500)
            link.tick(750)
        elif step["name"] == "EVENT":
            link.event(3, 217, "adc.c", 510)
        said = said or link.take()
        if step["name"] == "HELLO":
            # It has room for the longest frame and needs no pause: the golden MCU is smaller.
            kind, seq, body = frames.decode(said.strip(b"\0"))
            body = body[:5] + bytes([40, 5]) + body[7:]
            zeros = said[: len(said) - len(said.lstrip(b"\0"))]
            assert zeros + frames.encode(kind, seq, body) == wire
            said = b""
        else:
            assert said[: len(wire)] == wire, step["name"]
            said = said[len(wire) :]
    assert (link.bad, link.unknown, link.lost) == (0, 0, 0)


class Pair:
    """The bridge and the module on an ideal line, time by hand."""

    def __init__(self, link: Any) -> None:
        self.mcu, self.host, self.now_ms = link, HostLink(LinkSettings()), 0
        self.events: list[Event] = []

    def run(self, for_ms: int, each: Callable[[int], object] = lambda _now: None) -> None:
        for _ in range(for_ms // 10):
            self.now_ms += 10
            at_s = START_S + self.now_ms / 1000
            each(self.now_ms)
            self.mcu.tick(self.now_ms)
            self.events += self.host.receive(self.mcu.take(), at_s)
            self.events += self.host.tick(at_s)
            while out := self.host.take_outgoing(at_s):
                self.mcu.receive(out, self.now_ms)

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


def test_the_bridge_understands_it() -> None:
    pair = Pair(start())
    pair.run(2000)
    assert pair.of(LinkUp)[0].model == "uno-demo"
    pair.run(60_000, lambda now: pair.mcu.sample(0, 2100 + now % 7, now) if now % 1000 == 0 else 0)
    pair.run(1000)
    readings = [reading for batch in pair.of(Readings) for reading in batch]
    assert len(readings) == 60
    assert {reading.name for reading in readings} == {"temperature"}
    assert all(21.0 <= reading.value <= 21.06 for reading in readings)
    assert [r.mcu_ms for r in readings] == list(range(3000, 62_001, 1000))
    assert pair.of(LinkDown) == []
    assert pair.host.tally.trouble == 0


def test_commands_and_events_cross() -> None:
    pair = Pair(start())
    pair.run(1000)
    pair.mcu.event(micro.LOG, -3, "hello", pair.now_ms)
    pair.host.command("a", "relay", [1])
    pair.run(500)
    pair.host.command("b", "relay", [7])
    pair.run(500)
    pair.host.command("c", "nothing", [])
    pair.run(3000)
    ended = {event.key: event for event in pair.of(CommandEnded)}
    assert (ended["a"].outcome, ended["a"].value) == (Outcome.DONE, 1)
    assert (ended["b"].outcome, ended["b"].text) == (Outcome.REFUSED, "0 or 1")
    assert ended["c"].outcome is Outcome.REFUSED
    [event] = pair.of(McuEvent)
    assert (event.kind, event.value, event.text) == ("log", -3, "hello")


def test_a_reset_is_noticed() -> None:
    pair = Pair(start())
    pair.run(3000)
    pair.events.clear()
    pair.mcu = start(reset=micro.WATCHDOG, now_ms=pair.now_ms)
    # Its clock begins anew in the field; a fresh HELLO is enough.
    pair.run(2000)
    assert pair.of(McuReset)[0].reason == "watchdog"
    assert pair.of(LinkUp)


def test_repeated_command_runs_once() -> None:
    runs: list[list[int]] = []

    def count(args: list[int]) -> int:
        runs.append(args)
        return len(runs)

    link = start({"count": count})
    link.receive(ref.wire_frame("WELCOME", 0, bytes([1, 1])), 1)
    body = ref.body("COMMAND", {"number": 5, "name": "count", "args": [-1, 2]})
    for seq in range(3):
        link.receive(ref.wire_frame("COMMAND", 1 + seq, body), 2)
    assert runs == [[-1, 2]]


def test_host_lost_and_one_way() -> None:
    link = running()
    link.tick(29_999)
    assert link.running
    link.tick(30_001)
    assert not link.running
    assert not link.sample(0, 1, 30_002)
    assert link.dropped == 1
    alone = start(one_way=True)
    assert alone.take().count(b"\0") == 6  # the leading zero, HELLO, four METRIC
    alone.event(micro.LOG, 0, "once", 5)
    assert alone.take()
    alone.tick(59_999)
    assert alone.take() == b""
    alone.tick(60_000)
    assert alone.take()


def test_event_repeats_and_full_queue_drops_the_newest() -> None:
    link = running()
    assert all(link.event(64, n, "", 10) for n in range(8))
    assert not link.event(64, 8, "", 10)
    first = link.take()
    link.tick(1009)
    assert link.take() == b""
    link.tick(1010)
    again = link.take()
    assert frames.decode(again.strip(b"\0"))[2] == frames.decode(first.strip(b"\0"))[2]
    link.receive(ref.wire_frame("EVENT_ACK", 1, b"\0"), 1011)
    assert frames.decode(link.take().strip(b"\0"))[2][0] == 1


@given(
    clock=st.integers(0, 2**32 - 1),
    steps=st.lists(
        st.tuples(
            st.integers(0, 31),
            st.integers(0, 65535),
            st.none() | st.integers(-(2**31), 2**31 - 1),
        ),
        max_size=40,
    ),
)
def test_samples_are_those_of_the_reference(
    clock: int, steps: list[tuple[int, int, int | None]]
) -> None:
    samples, now_ms, taken = frames.Samples(), clock, []
    samples.begin(clock)
    for metric, dt, raw in steps:
        if not samples.add(metric, now_ms + dt, raw):
            break
        now_ms += dt
        taken.append((metric, now_ms, raw))
    assert samples.body == ref.samples(clock, taken)
    assert len(samples.body) <= 120
    assert len(taken) == len(steps) or len(samples.body) > 120 - 7


@given(data=st.lists(st.binary(max_size=200)), cut=st.integers(1, 50))
def test_any_bytes_in_any_chunks(data: list[bytes], cut: int) -> None:
    golden = [bytes.fromhex(frame["wire"]) for frame in load("frames.json")["frames"]]
    stream = b"".join(part + golden[len(part) % len(golden)] for part in data)
    whole, pieces = start(), start()
    whole.receive(stream, 5)
    for at in range(0, len(stream), cut):
        pieces.receive(stream[at : at + cut], 5)
    assert whole.take() == pieces.take()
    assert (whole.bad, whole.unknown, whole.lost) == (pieces.bad, pieces.unknown, pieces.lost)
    whole.receive(b"\0" + ref.wire_frame("WHO", 0, b""), 6)
    assert whole.take()

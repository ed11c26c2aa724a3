"""The library against the golden bytes and against the slow reference, in both directions."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.framing.tally import Tally
from firmware_bridge.link import bodies, samples
from firmware_bridge.link.host import HostLink
from firmware_bridge.link.wire import Frame, FrameReader, FrameWriter, Type
from firmware_bridge.messages.events import Announced, CommandEnded, LinkUp, McuEvent
from firmware_bridge.messages.readings import Readings
from tests.firmware_bridge import reference_link as ref

GOLDEN = Path(__file__).parents[1] / "golden"
FRAMES = json.loads((GOLDEN / "frames.json").read_text())["frames"]
DECODERS = {
    "HELLO": (bodies.decode_hello, bodies.encode_hello),
    "METRIC": (bodies.decode_metric, bodies.encode_metric),
    "EVENT": (bodies.decode_event, bodies.encode_event),
    "RESULT": (bodies.decode_result, bodies.encode_result),
    "PONG": (bodies.decode_pong, bodies.encode_pong),
}
I32 = st.integers(-(2**31), 2**31 - 1)


def named(kind: str) -> list[dict]:
    rows = [row for row in FRAMES if row["type"] == kind]
    assert rows
    return rows


@pytest.mark.parametrize("row", FRAMES, ids=lambda row: row["name"])
def test_frame_is_read_and_written(row) -> None:
    tally = Tally()
    frame = Frame(Type[row["type"]], row["seq"], bytes.fromhex(row["body"]))
    assert FrameReader(tally).feed(bytes.fromhex("00" + row["wire"])) == [frame]
    assert tally.trouble == 0
    writer = FrameWriter()
    for _ in range(row["seq"]):
        writer.frame(Type.WHO)
    assert writer.frame(Type[row["type"]], frame.body).hex() == row["wire"]
    assert len(row["wire"]) // 2 <= 126


@pytest.mark.parametrize("kind", sorted(DECODERS))
def test_body_is_read_and_written(kind: str) -> None:
    decode, encode = DECODERS[kind]
    for row in named(kind):
        decoded = decode(bytes.fromhex(row["body"]))
        assert dataclasses.asdict(decoded) == row["fields"]
        assert encode(decoded).hex() == row["body"]
        # Fields that a newer peer appends are ignored.
        assert decode(bytes.fromhex(row["body"]) + b"\7\7") == decoded


def test_commands_are_read_and_written() -> None:
    for row in named("COMMAND"):
        f = row["fields"]
        assert bodies.decode_command(bytes.fromhex(row["body"])) == (
            f["number"],
            f["name"],
            f["args"],
        )
        assert bodies.encode_command(f["number"], f["name"], f["args"]).hex() == row["body"]


def test_samples_are_read_and_written() -> None:
    rows = json.loads((GOLDEN / "samples.json").read_text())
    assert len(rows) >= 9
    for row in rows:
        body = bytes.fromhex(row["body"])
        assert list(zip(*samples.decode_samples(body), strict=True)) == [
            tuple(r) for r in row["records"]
        ]
        writer = samples.SampleWriter()
        if row["records"] and row["records"][0][1] == row["clock"]:
            assert [writer.add(*record) for record in row["records"]] == [None] * len(
                row["records"]
            )
            assert writer.flush() == body


def test_runs_are_read() -> None:
    for row in named("RUN"):
        f = row["fields"]
        run = samples.decode_run(bytes.fromhex(row["body"]))
        assert run == (f["metric"], f["clock"], f["step_us"], f["values"])


@pytest.mark.parametrize(
    "row", json.loads((GOLDEN / "bad.json").read_text()), ids=lambda row: row["name"]
)
def test_bad_frame_is_counted_and_the_next_one_read(row) -> None:
    link = HostLink()
    hello, ping = named("HELLO")[0], named("PONG")[0]
    link.receive(bytes.fromhex(hello["wire"]), 0.0)
    link.receive(bytes.fromhex(row["wire"]), 0.0)
    tally = link.tally
    counted = {"unknown": tally.unknown, "too long": tally.too_long}.get(row["why"], tally.bad)
    assert (counted, tally.bad + tally.unknown + tally.too_long) == (1, 1)
    before = tally.frames
    link.receive(bytes.fromhex(ping["wire"]), 0.0)
    assert tally.frames == before + 1


def test_golden_conversation_runs_against_the_host() -> None:
    link = HostLink()
    said: list[bytes] = []
    events = []
    for turn in json.loads((GOLDEN / "conversation.json").read_text()):
        wire = bytes.fromhex(turn["wire"])
        if turn["from"] == "mcu":
            events += link.receive(wire, 1000.0)
        elif turn["name"] == "COMMAND":
            link.command("k", "relay", [1])
            events += link.tick(1000.0)
        while out := link.take_outgoing(1000.0 + len(said)):
            said.append(out)
    assert [type(e) for e in events if not isinstance(e, LinkUp)][1:] == [
        Announced,
        Readings,
        McuEvent,
        CommandEnded,
    ]
    kinds = [frame.type for wire in said for frame in FrameReader(Tally()).feed(wire)]
    assert kinds[:2] == [Type.WELCOME, Type.PING]
    assert {Type.EVENT_ACK, Type.COMMAND} <= set(kinds)
    readings = next(e for e in events if isinstance(e, Readings))
    assert readings.values == [23.45, 0.812, 5.021, False]


RECORDS = st.lists(
    st.tuples(st.integers(0, 31), st.sampled_from([0, 0, 1, 100, 65535, 70000]), st.none() | I32),
    max_size=80,
)


@given(st.integers(0, 2**32 - 1), RECORDS)
def test_writer_reader_and_reference_agree(start: int, steps: list) -> None:
    records, now = [], start
    for metric, dt, raw in steps:
        now += dt
        records.append((metric, now, raw))
    writer = samples.SampleWriter()
    sent = [body for record in records if (body := writer.add(*record)) is not None]
    sent.append(writer.flush())
    got = []
    for body in filter(None, sent):
        assert len(body) <= 120
        columns = samples.decode_samples(body)
        mine = list(zip(*columns, strict=True))
        assert mine == ref.unsamples(body)
        clock = int.from_bytes(body[:4], "little")
        assert ref.samples(clock, mine) == body
        got += [(metric, ms % 2**32, raw) for metric, ms, raw in mine]
    assert got == [(metric, ms % 2**32, raw) for metric, ms, raw in records]


@given(st.binary(max_size=120))
def test_any_body_decodes_or_is_malformed(body: bytes) -> None:
    decoders = [pair[0] for pair in DECODERS.values()]
    for decode in (*decoders, bodies.decode_command, samples.decode_samples, samples.decode_run):
        try:
            decode(body)
        except bodies.Malformed:
            continue


@given(st.binary(min_size=4, max_size=60))
def test_decoder_and_reference_read_the_same(body: bytes) -> None:
    try:
        mine = list(zip(*samples.decode_samples(body), strict=True))
    except bodies.Malformed:
        mine = None
    try:
        theirs = ref.unsamples(body)
    except (AssertionError, IndexError):
        theirs = None
    assert mine == theirs


@given(st.lists(I32, min_size=1, max_size=53))
def test_run_of_wide_steps_wraps(values: list[int]) -> None:
    small = [value % 30_000 for value in values]
    assert samples.decode_run(ref.run(5, 9, 1000, small)).raws == small

"""The hot path on real stores: everything once, whatever is cut off between its commits."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from server.detection import tuning
from server.detection.model import BaselineRequest, Checkpoint, FindingRecord
from server.device import service as devices
from server.device.model import Device
from server.incident.model import Incident
from server.ingest.last_heard import SEEN_WITHIN_S
from server.ingest.model import QuarantinedMessage
from server.ingest.source import Message
from server.kit.clock import ManualClock
from server.kit.database import Base, Database
from server.kit.settings import Settings
from server.pipeline import Pipeline, PipelineParts
from server.telemetry.memory import MemoryTelemetryStore
from server.telemetry.samples import SeriesKey

START = datetime(2026, 5, 1, 12, tzinfo=UTC)
START_S = START.timestamp()
DEVICE = "freezer-1"
TEMPERATURE = SeriesKey(DEVICE, "air/temperature")


@dataclass
class House:
    """A server without its broker: records, a store, a clock, and pipelines that come and go."""

    records: Database
    store: MemoryTelemetryStore = field(default_factory=MemoryTelemetryStore)
    clock: ManualClock = field(default_factory=lambda: ManualClock(START))

    def pipeline(self) -> Pipeline:
        parts = PipelineParts(self.store, self.records, self.clock, Settings(), lambda: None)
        return Pipeline("stream-1", parts)

    def rows(self, table: type[Base]) -> list[Any]:
        with self.records.reading() as session:
            return list(session.scalars(select(table)))


def make_house(path: Path) -> House:
    records = Database.at(path / "records.sqlite3")
    Base.metadata.create_all(records.engine)
    return furnished(records)


def furnished(records: Database) -> House:
    with records.transaction() as session:
        devices.add_device(session, device_id=DEVICE, now=START)
    return House(records)


@pytest.fixture
def house(database: Database) -> House:
    return furnished(database)


def message(position: int, payload: bytes, *, leaf: str = "telemetry", at_s: float) -> Message:
    return Message(position, f"devices/{DEVICE}/{leaf}", payload, at_s)


def reading(position: int, value: float, *, seq: int | None = None, at_s: float) -> Message:
    record: dict[str, object] = {"n": "air/temperature", "u": "Cel", "t": at_s, "v": value}
    if seq is not None:
        record |= {"boot": "b1", "seq": seq}
    return message(position, json.dumps([record]).encode(), at_s=at_s)


def story() -> list[Message]:
    """A freezer for 400 minutes, with a sensor that then reads what no sensor can."""
    values = [-18 + 0.1 * (i % 7) for i in range(400)] + [900.0] * 30
    return [reading(i + 1, value, seq=i, at_s=START_S + 60.0 * i) for i, value in enumerate(values)]


def outcome(house: House) -> object:
    """All that a batch leaves behind, but for ids of the server's own."""
    found = [
        (f.id, f.kind, f.onset_at, f.detected_at, f.ended_at, f.severity)
        for f in house.rows(FindingRecord)
    ]
    cases = [(i.kind, i.state, i.onset_at, i.severity) for i in house.rows(Incident)]
    refused = [(q.position, q.field, q.reason) for q in house.rows(QuarantinedMessage)]
    stored = house.store.query(TEMPERATURE, from_s=START_S, to_s=START_S + 1e6, points=5000)
    return sorted(found), sorted(cases), refused, stored.count.sum()


def test_a_fault_becomes_one_case(house: House) -> None:
    pipeline = house.pipeline()
    pipeline.process(story())
    assert pipeline.checkpoint() == 430
    (finding,) = house.rows(FindingRecord)
    (incident,) = house.rows(Incident)
    assert finding.kind == incident.kind == "out_of_range"
    assert finding.onset_at.timestamp() == pytest.approx(START_S + 400 * 60, abs=180)
    assert house.store.count(DEVICE) == 430


def test_a_new_tuning_is_taken_up_with_the_next_checkpoint_and_kept(house: House) -> None:
    pipeline = house.pipeline()
    pipeline.process(story()[:100])
    with house.records.transaction() as session:
        tuning.set_by_hand(session, tuning.NO_MODEL, 1.5, by="Ann", now=START)
    pipeline.checkpoint()
    (saved,) = house.rows(Checkpoint)
    assert saved.tuning_id == 1
    again = house.pipeline()
    assert again._detector._engine.caution(DEVICE) == 1.5
    with house.records.transaction() as session:
        tuning.revert(session, tuning.NO_MODEL, 0, by="Ann", now=START)
    again.checkpoint()
    assert again._detector._engine.caution(DEVICE) == 1.0
    assert house.rows(Checkpoint)[0].tuning_id == 2


def cut(messages: Sequence[Message], sizes: Sequence[int]) -> list[list[Message]]:
    parts, rest = [], list(messages)
    for size in sizes:
        parts.append(rest[:size])
        rest = rest[size:]
    return [part for part in [*parts, rest] if part]


_STEPS = st.lists(
    st.sampled_from(["checkpoint", "crash", "crash between commits", "-"]), max_size=9
)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> object:
    house = make_house(tmp_path_factory.mktemp("undisturbed"))
    house.pipeline().process(story())
    house.records.close()
    return outcome(house)


class Cut(Exception):
    pass


@given(sizes=st.lists(st.integers(1, 90), min_size=9, max_size=9), steps=_STEPS)
@settings(max_examples=15, deadline=None)
def test_any_crashes_leave_the_same_as_none(
    undisturbed: object,
    tmp_path_factory: pytest.TempPathFactory,
    sizes: list[int],
    steps: list[str],
) -> None:
    house = make_house(tmp_path_factory.mktemp("crashes"))
    everything, pipeline = story(), house.pipeline()
    batches = cut(everything, sizes)
    for number, batch in enumerate(batches):
        step = steps[number] if number < len(steps) else "-"
        todo = [m for m in everything if pipeline.position < m.position <= batch[-1].position]
        if step == "crash between commits":
            # The telemetry store has the batch, the records never hear of it.
            pipeline._record = _cut_off  # type: ignore[method-assign]
            with pytest.raises(Cut):
                pipeline.process(todo)
        else:
            pipeline.process(todo)
        if step == "checkpoint":
            pipeline.checkpoint()
        elif step != "-":
            pipeline = house.pipeline()
    pipeline.process([m for m in everything if m.position > pipeline.position] or everything[:0])
    house.records.close()
    assert outcome(house) == undisturbed


def _cut_off(*_: object) -> None:
    raise Cut


def test_a_pack_that_comes_twice_counts_once(house: House) -> None:
    pipeline = house.pipeline()
    first = reading(1, -18.0, seq=0, at_s=START_S)
    again = Message(2, first.topic, first.payload, START_S + 5)
    pipeline.process([first, again])
    assert house.store.count(DEVICE) == 1
    assert house.rows(QuarantinedMessage) == []


@pytest.mark.parametrize(
    ("payload", "leaf", "field_at_fault"),
    [
        (b"{", "telemetry", "payload"),
        (b'[{"n":"a","v":NaN}]', "telemetry", "payload"),
        (b'[{"n":"a","v":1,"t":1977649200}]', "telemetry", "t"),
        (b"\x81", "telemetry", "payload"),
        (b"{}", "state", None),
        (b"[]", "nonsense", "topic"),
    ],
)
def test_what_is_refused_is_kept_with_the_reason(
    house: House, payload: bytes, leaf: str, field_at_fault: str | None
) -> None:
    pipeline = house.pipeline()
    good = reading(2, -18.0, seq=1, at_s=START_S)
    pipeline.process([message(1, payload, leaf=leaf, at_s=START_S), good])
    (kept,) = house.rows(QuarantinedMessage)
    assert field_at_fault in (None, kept.field), f"{kept.field}: {kept.reason}"
    assert kept.reason
    assert kept.payload == payload
    assert house.store.count(DEVICE) == 1


def test_an_unknown_device_is_refused(house: House) -> None:
    stranger = Message(1, "devices/stranger/telemetry", b'[{"n":"a","v":1}]', START_S)
    house.pipeline().process([stranger])
    (kept,) = house.rows(QuarantinedMessage)
    assert (kept.field, kept.device_id) == ("device_id", "stranger")


def test_samples_of_the_future_are_refused_and_the_others_kept(house: House) -> None:
    records = [
        {"n": "air/temperature", "t": START_S, "v": 1},
        {"n": "air/temperature", "t": START_S + 3600, "v": 2},
    ]
    house.pipeline().process([message(1, json.dumps(records).encode(), at_s=START_S)])
    assert house.store.count(DEVICE) == 1
    (kept,) = house.rows(QuarantinedMessage)
    assert kept.reason.startswith("1 of 2 samples")


def test_a_new_baseline_is_applied_once_and_survives_a_restart(house: House) -> None:
    pipeline = house.pipeline()
    pipeline.process(story()[:300])
    with house.records.transaction() as session:
        session.add(BaselineRequest(device_id=DEVICE, at=START, reason="repair"))
    pipeline.checkpoint()
    (request,) = house.rows(BaselineRequest)
    assert request.applied_at == START
    again = house.pipeline()
    again.process(story()[300:])
    assert [f.kind for f in house.rows(FindingRecord)] == ["out_of_range"]


def test_a_wiped_stream_starts_anew_without_losing_what_was_learned(house: House) -> None:
    pipeline = house.pipeline()
    pipeline.process(story()[:100])
    pipeline.checkpoint()
    parts = PipelineParts(house.store, house.records, house.clock, Settings(), lambda: None)
    other = Pipeline("stream-2", parts)
    assert other.position == 0
    moved = [Message(i + 1, m.topic, m.payload, m.received_s) for i, m in enumerate(story()[100:])]
    other.process(moved)
    assert house.store.count(DEVICE) == 430


def test_a_memory_that_cannot_be_read_ends_its_findings_and_learns_anew(house: House) -> None:
    pipeline = house.pipeline()
    pipeline.process(story())
    pipeline.checkpoint()
    with house.records.transaction() as session:
        (saved,) = session.scalars(select(Checkpoint))
        saved.state = b"of another version"
    again = house.pipeline()
    assert again.position == 430
    assert [f.ended_at for f in house.rows(FindingRecord)] != [None]
    assert [i.state for i in house.rows(Incident)] == ["recovering"]
    again.process([reading(431, -18.0, seq=430, at_s=START_S + 60 * 430)])
    assert house.store.count(DEVICE) == 431


def test_when_a_device_was_heard_is_written_now_and_then(house: House) -> None:
    """Right to `SEEN_WITHIN_S`, and no row written for each device with each batch."""
    pipeline = house.pipeline()

    def heard(position: int, at_s: float) -> float:
        pipeline.process([reading(position, -18.0, seq=position, at_s=at_s)])
        seen = house.rows(Device)[0].last_seen_at
        return float(seen.timestamp())

    assert heard(1, START_S) == START_S
    assert heard(2, START_S + SEEN_WITHIN_S - 1) == START_S
    assert heard(3, START_S + SEEN_WITHIN_S) == START_S + SEEN_WITHIN_S


def talking(
    pipeline: Pipeline, house: House, *, stamps_ahead_s: float = 0.0, first: int = 1
) -> int:
    """Twenty readings at 5 s, arriving as they are made; the position of the last."""
    for number in range(20):
        house.clock.advance(seconds=5)
        at_s = house.clock.now().timestamp() + stamps_ahead_s
        pipeline.process([reading(first + number, -18.0, at_s=at_s)])
    return first + 19


@pytest.mark.parametrize("step_s", [3_600.0, -3_600.0, 400 * 86_400.0])
def test_a_clock_that_is_set_makes_nobody_silent_and_hides_nobodys_silence(
    house: House, step_s: float
) -> None:
    """Ours alone is set: the broker lies on another machine."""
    pipeline = house.pipeline()
    talking(pipeline, house)
    house.clock.step(seconds=step_s)
    pipeline.look_for_silence()
    house.clock.advance(seconds=100)
    pipeline.look_for_silence()
    assert house.rows(FindingRecord) == []
    house.clock.advance(seconds=60)
    pipeline.look_for_silence()
    (finding,) = house.rows(FindingRecord)
    assert finding.kind == "silence"


@pytest.mark.parametrize("step_s", [3_600.0, -3_600.0])
def test_stamps_of_arrival_that_jump_make_nobody_silent(house: House, step_s: float) -> None:
    """The broker's clock is set, and one device speaks before the other does."""
    with house.records.transaction() as session:
        devices.add_device(session, device_id="quiet", now=START)
    pipeline = house.pipeline()
    record = [{"n": "level", "u": "m", "v": 1.0}]
    pipeline.process([Message(1, "devices/quiet/telemetry", json.dumps(record).encode(), START_S)])
    last = talking(pipeline, house, first=2)
    talking(pipeline, house, stamps_ahead_s=step_s, first=last + 1)
    pipeline.look_for_silence()
    assert house.rows(FindingRecord) == []
    house.clock.advance(seconds=1_300)
    pipeline.look_for_silence()
    assert {f.device_id for f in house.rows(FindingRecord)} == {DEVICE, "quiet"}

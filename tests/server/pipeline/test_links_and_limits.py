"""What states bring about, through the pipeline: cases for links that come and go, gateways, limits."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from server.detection.model import FindingRecord
from server.device import service as devices
from server.incident.model import Incident
from server.ingest.source import Message
from tests.server.pipeline.test_pipeline import (
    DEVICE,
    START,
    START_S,
    House,
    make_house,
    message,
    reading,
)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return make_house(tmp_path)


def state(position: int, at_s: float, *, boot: str = "b1", **also: object) -> Message:
    birth = {"status": "online", "reason": "birth", "time_s": START_S, "boot": boot} | also
    return message(position, json.dumps(birth).encode(), leaf="state", at_s=at_s)


def flapping() -> list[Message]:
    found = []
    for n in range(20):
        at_s = START_S + 60.0 * n
        found.append(state(2 * n + 1, at_s))
        found.append(state(2 * n + 2, at_s + 30, status="offline", reason="will"))
    return found


def cases(house: House) -> list[tuple[str, str, str]]:
    return [(row.device_id, row.kind, str(row.state)) for row in house.rows(Incident)]


def test_a_flapping_link_opens_one_case_whatever_the_batches(tmp_path: Path) -> None:
    said = []
    for size in (1, 7, 40):
        (folder := tmp_path / str(size)).mkdir()
        house = make_house(folder)
        for at in range(0, 40, size):
            # Each batch by a pipeline that has just resumed from the checkpoint of the one before.
            pipeline = house.pipeline()
            pipeline.process(flapping()[at : at + size])
            pipeline.checkpoint()
        assert cases(house) == [(DEVICE, "flapping", "open")]
        said.append([(row.id, row.sentence, row.detected_at) for row in house.rows(FindingRecord)])
    assert said[0] == said[1] == said[2]


def test_a_case_of_a_flapping_link_recovers_after_a_quiet_hour(house: House) -> None:
    pipeline = house.pipeline()
    pipeline.process(flapping())
    house.clock.advance(seconds=7200)
    pipeline.look_for_silence()
    assert cases(house) == [(DEVICE, "flapping", "recovering")]


def test_limits_that_a_birth_announces_judge_the_samples(house: House) -> None:
    sensor = {"name": "air/temperature", "unit": "Cel", "kind": "ds18b20", "limits": [-55, None]}
    cold = [reading(n + 2, -60.0, at_s=START_S + n) for n in range(4)]
    pipeline = house.pipeline()
    pipeline.process([state(1, START_S, sensors=[sensor]), *cold])
    (finding,) = house.rows(FindingRecord)
    assert (finding.kind, finding.evidence["limit_low"]) == ("out_of_range", -55.0)
    assert cases(house) == [(DEVICE, "out_of_range", "open")]


def test_a_gateway_that_goes_silent_is_one_case(house: House) -> None:
    behind = ("sensor-1", "sensor-2", "sensor-3")
    with house.records.transaction() as session:
        for name in behind:
            devices.add_device(session, device_id=name, gateway_id=DEVICE, now=START)
    said = []
    for n in range(180):
        name = behind[n % 3]
        at_s = START_S + n
        record = [{"n": "t", "u": "Cel", "t": at_s, "v": 20.0}]
        said.append(Message(n + 1, f"devices/{name}/telemetry", json.dumps(record).encode(), at_s))
    pipeline = house.pipeline()
    pipeline.process(said)
    for _ in range(10):
        house.clock.advance(seconds=60)
        pipeline.look_for_silence()
    assert cases(house) == [(DEVICE, "silence", "open")]
    (finding,) = house.rows(FindingRecord)
    assert finding.evidence["devices_behind"] == 3

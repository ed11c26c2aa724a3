"""Several pipelines on one set of records: each has its devices, and none writes without its lease."""

from __future__ import annotations

from functools import partial

import pytest
from sqlalchemy import select

from server.broker.partitions import Partition
from server.detection import service as detection
from server.detection.model import Checkpoint, FindingRecord
from server.detection.share import Share
from server.device import service as devices
from server.kit.database import Database
from server.kit.leases import LeaseLost, Leases, prove
from server.kit.settings import Settings
from server.pipeline import Pipeline, PipelineParts
from tests.server.pipeline.test_pipeline import DEVICE, START, House, furnished, story

HERE = next(Partition(n, 4) for n in range(4) if Partition(n, 4).holds(DEVICE))
ELSEWHERE = Partition((HERE.number + 1) % 4, 4)
OTHER = next(f"other-{n}" for n in range(99) if ELSEWHERE.holds(f"other-{n}"))


@pytest.fixture
def house(database: Database) -> House:
    made = furnished(database)
    with database.transaction() as session:
        devices.add_device(session, device_id=OTHER, now=START)
    return made


def pipeline(house: House, partition: Partition, holder: str = "a") -> Pipeline:
    leases = Leases(house.records, holder, [partition.name], ttl_s=60, clock=house.clock)
    (held,) = leases.renew()
    parts = PipelineParts(house.store, house.records, house.clock, Settings(), lambda: None)
    share = Share(partition.name, partition.holds, partial(prove, held=held))
    return Pipeline("stream-1", parts, share)


def take_over(house: House, partition: Partition) -> Pipeline:
    """By another process, since the first one's lease is given up behind its back."""
    first = Leases(house.records, "a", [partition.name], ttl_s=60, clock=house.clock)
    for held in first.renew():
        first.release(held)
    first.leave()
    house.clock.advance(seconds=0.001)
    return pipeline(house, partition, "b")


def test_its_successor_goes_on_from_the_checkpoint(house: House) -> None:
    old = pipeline(house, HERE)
    messages = story()
    old.process(messages[:200])
    old.checkpoint()
    old.process(messages[200:300])
    new = take_over(house, HERE)
    assert new.position == 200
    new.process(messages[200:])
    assert new.checkpoint() == 430
    assert house.store.count(DEVICE) == 430
    (finding,) = house.rows(FindingRecord)
    assert finding.kind == "out_of_range"


def test_who_lost_its_lease_writes_nothing_more(house: House) -> None:
    old = pipeline(house, HERE)
    messages = story()
    old.process(messages[:200])
    old.checkpoint()
    new = take_over(house, HERE)
    new.process(messages[200:250])
    new.checkpoint()
    with pytest.raises(LeaseLost):
        old.process(messages[200:])
    assert old.checkpoint() == 200, "there is nothing that it could save"
    assert house.rows(FindingRecord) == []
    (checkpoint,) = house.rows(Checkpoint)
    assert checkpoint.position == 250
    new.process(messages[250:])
    assert house.store.count(DEVICE) == 430, "what the late one stored is recognised"
    assert len(house.rows(FindingRecord)) == 1


def test_each_keeps_a_checkpoint_of_its_own(house: House) -> None:
    one, other = pipeline(house, HERE), pipeline(house, ELSEWHERE)
    one.process(story())
    other.pass_over(77)
    assert (one.checkpoint(), other.checkpoint()) == (430, 77)
    with house.records.reading() as session:
        found = {c.shard: c.position for c in session.scalars(select(Checkpoint))}
    assert found == {HERE.name: 430, ELSEWHERE.name: 77}


def test_a_repair_is_for_the_pipeline_that_holds_the_device(house: House) -> None:
    one, other = pipeline(house, HERE), pipeline(house, ELSEWHERE)
    one.process(story()[:300])
    with house.records.transaction() as session:
        detection.request_baseline(session, DEVICE, at=START, reason="repair")
    other.checkpoint()
    with house.records.reading() as session:
        assert detection.baseline_requests_wait(session)
        assert not detection.baseline_requests_wait(session, of=ELSEWHERE.holds)
    one.checkpoint()
    with house.records.reading() as session:
        assert not detection.baseline_requests_wait(session)

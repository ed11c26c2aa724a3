"""A reader of one partition: its own devices' messages in their order, and none of the others'."""

import asyncio

import pytest

from server.broker import Broker, BrokerSettings, Grant
from server.broker.partitions import Partition, mapped_subject, partition_of
from server.broker.stream import PREFIX
from server.ingest.jetstream import JetStreamSource

pytestmark = [pytest.mark.anyio, pytest.mark.broker]

COUNT = 3
DEVICES = [f"d{n}" for n in range(9)]


@pytest.fixture
def anyio_backend():
    return "asyncio"


class Nobody:
    def check(self, username: str, password: str, client_id: str) -> Grant | None:
        return None


@pytest.fixture
async def broker(tmp_path):
    settings = BrokerSettings(tmp_path / "broker", mqtt_port=0, stream_max_bytes=2**26)
    async with Broker(settings, Nobody()) as running:
        yield running


async def put(broker, device, leaf, payload):
    plain = f"devices.{device}.{leaf}"
    subject = mapped_subject(device, COUNT) if leaf == "telemetry" else plain
    await broker.client.jetstream().publish(PREFIX + subject, payload)


def source(broker, number, start_after=0):
    return JetStreamSource(
        broker.client,
        broker.stream,
        start_after=start_after,
        partition=Partition(number, COUNT),
        prefetch_messages=7,
    )


async def read(one, count):
    messages = []
    async with asyncio.timeout(30):
        while len(messages) < count:
            messages += await one.fetch(4, 0.5)
    return messages


async def test_each_message_comes_to_one_partition_in_order(broker):
    sent = []
    for n in range(60):
        device, leaf = DEVICES[n % 9], ("telemetry", "telemetry", "state", "events")[n % 4]
        await put(broker, device, leaf, b"%d" % n)
        sent.append((f"devices/{device}/{leaf}", b"%d" % n))
    for number in range(COUNT):
        mine = [m for m in sent if partition_of(m[0].split("/")[1], COUNT) == number]
        one = source(broker, number)
        got = await read(one, len(mine))
        assert [(m.topic, m.payload) for m in got] == mine
        assert await one.fetch(4, 0.3) == []
        half = got[len(got) // 2].position
        await one.close()
        later = source(broker, number, start_after=half)
        rest = await read(later, sum(m.position > half for m in got))
        assert [m.position for m in rest] == [m.position for m in got if m.position > half]
        await later.close()


async def test_others_messages_are_passed_and_counted_as_seen(broker):
    own = next(d for d in DEVICES if partition_of(d, COUNT) == 0)
    other = next(d for d in DEVICES if partition_of(d, COUNT) == 1)
    one = source(broker, 0)
    await put(broker, own, "telemetry", b"mine")
    (mine,) = await read(one, 1)
    assert one.passed == mine.position
    await put(broker, other, "state", b"not mine")
    async with asyncio.timeout(30):
        while one.passed != mine.position + 1:
            assert await one.fetch(4, 0.2) == []
    assert await one.lag() == 0
    await one.close()


async def test_acknowledging_drops_nothing_of_the_others(broker):
    for n in range(30):
        await put(broker, DEVICES[n % 9], "telemetry", b"%d" % n)
        await put(broker, DEVICES[n % 9], "state", b"%d" % n)
    first, others = source(broker, 0), source(broker, 1)
    mine = await read(first, 1)
    last = (await broker.stream.state()).last_position
    assert mine
    # As if all of it were old: everything that may go, goes.
    await broker.stream.trim(last, now_s=4_000_000_000, subjects=Partition(0, COUNT).own_subjects)
    state = await broker.stream.state()
    held = sum(partition_of(DEVICES[n % 9], COUNT) == 0 for n in range(30))
    assert state.messages == 60 - held
    expected = 2 * sum(partition_of(DEVICES[n % 9], COUNT) == 1 for n in range(30))
    assert len(await read(others, expected)) == expected
    await first.close()
    await others.close()

"""One contract, every adapter: memory, the embedded broker's stream, and Mosquitto with our journal."""

import asyncio
import os
import signal
import time

import pytest
from paho.mqtt.publish import single

from server.broker import Broker, BrokerSettings, Grant
from server.broker.address import parse_address
from server.broker.stream import PREFIX
from server.ingest.jetstream import JetStreamSource
from server.ingest.memory import MemorySource, MemoryStream
from server.ingest.mqtt import MqttIntakes
from server.ingest.source import SourceRewound
from tests.mosquitto import Mosquitto

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend():
    return "asyncio"


class InMemory:
    def __init__(self):
        self.stream = MemoryStream(time.time)

    def source(self, start_after=0):
        return MemorySource(self.stream, start_after=start_after)

    async def publish(self, device, leaf, payload):
        await self.stream.publish(f"devices/{device}/{leaf}", payload)


class OnBroker:
    def __init__(self, broker):
        self.broker = broker

    def source(self, start_after=0):
        # Small, so that the tests go through several pulls.
        return JetStreamSource(
            self.broker.client,
            self.broker.stream,
            start_after=start_after,
            prefetch_messages=7,
            prefetch_bytes=4096,
        )

    async def publish(self, device, leaf, payload):
        subject = f"{PREFIX}devices.{device}.{leaf}"
        await self.broker.client.jetstream().publish(subject, payload)


class OnMosquitto:
    def __init__(self, mosquitto, intakes):
        self.mosquitto = mosquitto
        self.intakes = intakes

    def source(self, start_after=0):
        return self.intakes.source(start_after)

    async def publish(self, device, leaf, payload):
        """Until it is in the journal: then it is with the source."""
        before = self.intakes.journal.last_position
        topic = f"devices/{device}/{leaf}"
        await asyncio.to_thread(single, topic, payload, 1, port=self.mosquitto.port)
        async with asyncio.timeout(30):
            while self.intakes.journal.last_position == before:  # noqa: ASYNC110
                await asyncio.sleep(0.002)


class Nobody:
    def check(self, username: str, password: str, client_id: str) -> Grant | None:
        return None


@pytest.fixture
async def broker(tmp_path):
    settings = BrokerSettings(tmp_path / "broker", mqtt_port=0, stream_max_bytes=2**26)
    async with Broker(settings, Nobody()) as running:
        yield running


@pytest.fixture
def mosquitto(needs, tmp_path):
    with Mosquitto(needs("mosquitto"), tmp_path / "mosquitto") as running:
        yield running


@pytest.fixture
async def listening(mosquitto, tmp_path):
    """`await listening(workers)`: intakes that have subscribed; stopped at the end."""
    made = []

    async def start(workers=1, **options):
        file = tmp_path / "journal.sqlite3"
        address = parse_address(mosquitto.url)
        intakes = MqttIntakes(address, file, workers=workers, max_bytes=2**26, **options)
        made.append(intakes)
        intakes.start()
        async with asyncio.timeout(30):
            while not intakes.connected:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        return intakes

    yield start
    for intakes in made:
        await intakes.stop()


@pytest.fixture
async def one_worker(listening):
    return await listening(1)


@pytest.fixture
async def three_workers(listening):
    return await listening(3)


BROKER = pytest.mark.broker
SIDES = {
    "memory": (),
    "broker": BROKER,
    "one_worker": (BROKER, pytest.mark.needs("mosquitto")),
    "three_workers": (BROKER, pytest.mark.needs("mosquitto")),
}


@pytest.fixture(params=[pytest.param(side, marks=marks) for side, marks in SIDES.items()])
def side(request, anyio_backend):
    match request.param:
        case "memory":
            return InMemory()
        case "broker":
            return OnBroker(request.getfixturevalue("broker"))
        case workers:
            intakes = request.getfixturevalue(workers)
            return OnMosquitto(request.getfixturevalue("mosquitto"), intakes)


async def read(source, count, batch=100):
    messages = []
    async with asyncio.timeout(30):
        while len(messages) < count:
            messages += await source.fetch(batch, 0.5)
    return messages


@pytest.mark.parametrize("batch", [1, 3, 100])
async def test_everything_once_and_in_order(side, batch):
    for n in range(50):
        await side.publish(f"d{n % 3}", "telemetry", b"%d" % n)
    source = side.source()
    got = await read(source, 50, batch)
    assert [m.payload for m in got] == [b"%d" % n for n in range(50)]
    assert [m.topic for m in got[:2]] == ["devices/d0/telemetry", "devices/d1/telemetry"]
    positions = [m.position for m in got]
    assert positions == sorted(set(positions))
    assert positions[0] >= 1
    assert all(abs(m.received_s - time.time()) < 60 for m in got)
    assert await source.fetch(batch, 0.05) == []
    await source.close()


async def test_never_more_than_asked_for(side):
    for n in range(20):
        await side.publish("d", "telemetry", b"%d" % n)
    source = side.source()
    sizes = []
    while sum(sizes) < 20:
        sizes.append(len(await source.fetch(4, 1.0)))
    assert max(sizes) <= 4
    await source.close()


async def test_a_message_ends_the_wait(side):
    source = side.source()
    waiting = asyncio.create_task(source.fetch(10, 20.0))
    await asyncio.sleep(0.2)
    assert not waiting.done()
    await side.publish("d", "state", b"x")
    async with asyncio.timeout(10):
        assert [m.topic for m in await waiting] == ["devices/d/state"]
    await source.close()


async def test_a_new_source_starts_after_the_checkpoint_whatever_was_acknowledged(side):
    for n in range(30):
        await side.publish("d", "telemetry", b"%d" % n)
    first = side.source()
    got = await read(first, 20, 20)
    await first.acknowledge(got[4].position)
    await first.close()
    second = side.source(start_after=got[9].position)
    assert [m.payload for m in await read(second, 20)] == [b"%d" % n for n in range(10, 30)]
    await second.acknowledge(got[9].position)
    await second.close()


async def test_lag_counts_what_was_not_fetched(side):
    for n in range(10):
        await side.publish("d", "telemetry", b"%d" % n)
    source = side.source()
    assert await source.lag() == 10
    assert len(await source.fetch(4, 1.0)) == 4
    assert await source.lag() == 6
    await source.close()


async def test_identity_stays_while_the_store_does(side):
    one, other = side.source(), side.source()
    before = await one.identity()
    await side.publish("d", "telemetry", b"x")
    await read(one, 1)
    assert await one.identity() == before == await other.identity()
    await one.close()
    await other.close()


async def test_a_checkpoint_beyond_the_stream_is_an_error_not_silence(side):
    await side.publish("d", "telemetry", b"x")
    source = side.source(start_after=1000)
    for _ in range(2):
        with pytest.raises(SourceRewound):
            await source.fetch(10, 0.5)
    await source.close()


@pytest.mark.broker
async def test_kill_9_of_the_broker_is_survived_without_a_gap(broker):
    side = OnBroker(broker)
    source = side.source()
    got = []
    for turn in range(3):
        for n in range(40):
            await side.publish("d", "telemetry", b"%d" % (turn * 40 + n))
        got += await read(source, 10, 10)
        os.kill(broker.pid, signal.SIGKILL)
        async with asyncio.timeout(30):
            while broker.restarts <= turn or not broker.connected:
                got += await source.fetch(3, 0.05)
    got += await read(source, 120 - len(got))
    assert [m.payload for m in got] == [b"%d" % n for n in range(120)]
    await source.close()


@pytest.mark.broker
async def test_a_reader_that_the_broker_forgot_is_replaced(broker):
    side = OnBroker(broker)
    source = side.source()
    await side.publish("d", "telemetry", b"1")
    await read(source, 1)
    # As after a long pause of the pipeline: the throw-away consumer is gone.
    await broker.stream.request(f"CONSUMER.DELETE.$MQTT_msgs.{source._reader.consumer}")
    await side.publish("d", "telemetry", b"2")
    assert [m.payload for m in await read(source, 1)] == [b"2"]
    await source.close()


@pytest.mark.broker
async def test_a_wiped_store_is_noticed(tmp_path):
    settings = BrokerSettings(tmp_path / "broker", mqtt_port=0, stream_max_bytes=2**26)
    identities = []
    for _ in range(2):
        async with Broker(settings, Nobody()) as broker:
            side = OnBroker(broker)
            await side.publish("d", "telemetry", b"x")
            source = side.source()
            identities.append(await source.identity())
            await source.close()
            await broker.stream.request("STREAM.DELETE.$MQTT_msgs")
    assert identities[0] != identities[1]


@pytest.mark.broker
async def test_messages_dropped_before_they_were_read_are_said(broker, caplog):
    side = OnBroker(broker)
    for n in range(10):
        await side.publish("d", "telemetry", b"%d" % n)
    await broker.stream.request("STREAM.PURGE.$MQTT_msgs", {"seq": 6})
    source = side.source()
    assert len(await read(source, 5)) == 5
    assert "messages from 1 on are gone" in caplog.text
    await source.close()


@pytest.mark.broker
async def test_acknowledging_lets_the_broker_forget_what_it_has_too_much_of(tmp_path):
    settings = BrokerSettings(tmp_path / "broker", mqtt_port=0, stream_max_bytes=2**20)
    async with Broker(settings, Nobody()) as broker:
        side = OnBroker(broker)
        for _ in range(10):
            await side.publish("d", "telemetry", bytes(2**16))
        source = side.source()
        got = await read(source, 10)
        await source.acknowledge(got[2].position)
        state = await broker.stream.state()
        # More than half full, yet only what is processed goes.
        assert (state.first_position, state.last_position) == (4, 10)
        await source.close()

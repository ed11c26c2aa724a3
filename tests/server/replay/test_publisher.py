"""The device's connection, against the embedded broker."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from device_agent.wire import DeviceState, decode_state, encode_state
from server.broker import Broker, BrokerSettings, Grant
from server.ingest.jetstream import JetStreamSource
from server.replay import Publisher, ReplayError

pytestmark = [pytest.mark.broker, pytest.mark.anyio]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class OneDevice:
    def check(self, username: str, password: str, client_id: str) -> Grant | None:
        return Grant(username) if (username, password) == ("pump", "secret") else None


@pytest.fixture
async def broker(tmp_path: Path):
    settings = BrokerSettings(tmp_path / "broker", mqtt_port=0, stream_max_bytes=64 * 2**20)
    async with Broker(settings, OneDevice()) as running:
        yield running


def publisher(broker: Broker, password: str = "secret", **options) -> Publisher:
    url = f"mqtt://127.0.0.1:{broker.mqtt_port}"
    return Publisher(url, "pump", password, client_id="pump", **options)


async def stored(broker: Broker, count: int) -> list[tuple[str, bytes]]:
    """(leaf, payload) of the first `count` messages in the stream."""
    source = JetStreamSource(broker.client, broker.stream, start_after=0)
    found: list[tuple[str, bytes]] = []
    try:
        while len(found) < count:
            messages = await asyncio.wait_for(source.fetch(1000, 0.5), 30)
            found += [(m.topic.rpartition("/")[2], m.payload) for m in messages]
    finally:
        await source.close()
    return found


async def test_everything_drained_is_in_the_stream_in_order(broker: Broker) -> None:
    def work() -> int:
        device = publisher(broker, window=3)
        device.connect()
        for number in range(40):
            device.publish("telemetry", b"%d" % number)
        device.drain()
        device.close()
        return device.acknowledged

    assert await asyncio.to_thread(work) == 40
    assert await stored(broker, 40) == [("telemetry", b"%d" % n) for n in range(40)]


async def test_a_wrong_password_is_said_at_once(broker: Broker) -> None:
    with pytest.raises(ReplayError, match="wrong password"):
        await asyncio.to_thread(publisher(broker, "guess").connect)


async def test_nobody_there_is_said(tmp_path: Path) -> None:
    device = Publisher("mqtt://127.0.0.1:9", "pump", "secret", client_id="pump")
    with pytest.raises(ReplayError, match="is the server running"):
        await asyncio.to_thread(device.connect)


async def test_who_vanishes_leaves_a_will_and_who_leaves_does_not(broker: Broker) -> None:
    will = encode_state(DeviceState("offline", "will", 1.0))

    def work(leave: str) -> None:
        device = publisher(broker, will=will)
        device.connect()
        device.publish("telemetry", b"x")
        device.drain()
        getattr(device, leave)()

    await asyncio.to_thread(work, "close")
    await asyncio.to_thread(work, "vanish")
    found = await stored(broker, 3)
    assert [leaf for leaf, _ in found] == ["telemetry", "telemetry", "state"]
    assert decode_state(found[-1][1]).reason == "will"


async def test_a_broker_that_is_killed_in_between_loses_nothing(broker: Broker) -> None:
    device = publisher(broker, window=4)

    def publish(numbers: range) -> None:
        for number in numbers:
            device.publish("telemetry", b"%d" % number)

    await asyncio.to_thread(device.connect)
    await asyncio.to_thread(publish, range(20))
    assert broker.pid is not None
    os.kill(broker.pid, signal.SIGKILL)
    await asyncio.to_thread(publish, range(20, 40))
    await asyncio.to_thread(device.drain)
    await asyncio.to_thread(device.close)
    payloads = {payload for _, payload in await stored(broker, 40)}
    assert payloads == {b"%d" % n for n in range(40)}


async def test_commands_reach_whoever_asked_for_them(broker: Broker) -> None:
    loop, heard = asyncio.get_running_loop(), asyncio.Event()
    told: list[bytes] = []

    def on_command(payload: bytes) -> None:
        told.append(payload)
        loop.call_soon_threadsafe(heard.set)

    device = publisher(broker, on_command=on_command)
    await asyncio.to_thread(device.connect)
    while not heard.is_set():
        await broker.publish_command("pump", b"do it")
        await asyncio.sleep(0.05)
    await asyncio.to_thread(device.close)
    assert told[0] == b"do it"

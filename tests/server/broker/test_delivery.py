"""What the stream holds after devices of all manners have spoken."""

import asyncio
import time
from dataclasses import replace

import pytest

from server.broker import Broker
from server.ingest.jetstream import JetStreamSource

pytestmark = [pytest.mark.broker, pytest.mark.anyio]


async def _connected(one):
    await asyncio.to_thread(one.connect)
    assert await asyncio.to_thread(one.expect, "connect") == (0,)
    return one


async def _read(broker, count, start_after=0):
    source = JetStreamSource(broker.client, broker.stream, start_after=start_after)
    messages = []
    async with asyncio.timeout(30):
        while len(messages) < count:
            messages += await source.fetch(100, 1.0)
    await source.close()
    return messages


async def test_birth_and_will_are_in_the_stream(broker, device):
    alpha = device(broker.mqtt_port, "alpha", will=("devices/alpha/state", b"offline", 1, True))
    await _connected(alpha)
    await asyncio.to_thread(alpha.publish, "devices/alpha/state", b"online", 1, retain=True)
    alpha.lose_connection()
    got = await _read(broker, 2)
    assert [(m.topic, m.payload) for m in got] == [
        ("devices/alpha/state", b"online"),
        ("devices/alpha/state", b"offline"),
    ]
    assert all(abs(m.received_s - time.time()) < 60 for m in got)


async def test_a_will_in_a_foreign_name_goes_nowhere(broker, device):
    alpha = device(broker.mqtt_port, "alpha", will=("devices/beta/state", b"offline", 1, True))
    await asyncio.to_thread(alpha.connect)
    await asyncio.to_thread(alpha.expect, "connect")
    alpha.lose_connection()
    beta = await _connected(device(broker.mqtt_port, "beta"))
    await asyncio.to_thread(beta.publish, "devices/beta/telemetry", b"x")
    await asyncio.sleep(0.5)
    assert [m.payload for m in await _read(broker, 1)] == [b"x"]


@pytest.mark.parametrize("qos", [0, 1, 2])
async def test_every_quality_of_service_arrives_once(broker, device, qos):
    alpha = await _connected(device(broker.mqtt_port, "alpha"))
    for leaf in ("telemetry", "events", "state", "results"):
        await asyncio.to_thread(alpha.publish, f"devices/alpha/{leaf}", leaf.encode(), qos)
    got = await _read(broker, 4)
    assert sorted(m.topic for m in got) == sorted(
        f"devices/alpha/{leaf}" for leaf in ("telemetry", "events", "state", "results")
    )
    await asyncio.sleep(0.2)
    assert (await broker.stream.state()).messages == 4


async def test_ten_megabytes_are_refused_and_nothing_falls_over(broker, device):
    alpha = await _connected(device(broker.mqtt_port, "alpha"))
    beta = await _connected(device(broker.mqtt_port, "beta"))
    alpha.client.publish("devices/alpha/telemetry", b"x" * 10_000_000, 1)
    await asyncio.to_thread(alpha.expect, "disconnect")
    assert not alpha.acknowledged
    await asyncio.to_thread(beta.publish, "devices/beta/telemetry", b"x" * 2**20)
    assert [len(m.payload) for m in await _read(broker, 1)] == [2**20]
    assert broker.restarts == 0


async def test_a_full_stream_withholds_the_acknowledgement(settings, passwords, device):
    small = replace(settings, stream_max_bytes=2**20)
    async with Broker(small, passwords) as broker:
        alpha = await _connected(device(broker.mqtt_port, "alpha"))
        payload = b"x" * 2**18
        for _ in range(3):
            await asyncio.to_thread(alpha.publish, "devices/alpha/telemetry", payload)
        alpha.client.publish("devices/alpha/telemetry", payload, 1)
        await asyncio.to_thread(alpha.expect, "disconnect")
        assert len(alpha.acknowledged) == 3
        # Room is made by what the pipeline is done with, and by nothing else.
        assert await broker.stream.trim(0, now_s=time.time() + 1e9) == 1
        assert await broker.stream.trim(2, now_s=time.time()) > 1
        again = await _connected(device(broker.mqtt_port, "alpha"))
        await asyncio.to_thread(again.publish, "devices/alpha/telemetry", payload)
        assert (await broker.stream.state()).last_position == 4


async def test_processed_messages_go_when_they_are_old(broker, device):
    alpha = await _connected(device(broker.mqtt_port, "alpha"))
    for n in range(10):
        await asyncio.to_thread(alpha.publish, "devices/alpha/telemetry", b"%d" % n)
    week_s = 7 * 86_400
    assert await broker.stream.trim(6, now_s=time.time()) == 1
    assert await broker.stream.trim(6, now_s=time.time() + week_s + 60) == 7
    assert [m.payload for m in await _read(broker, 4)] == [b"6", b"7", b"8", b"9"]


async def test_the_store_survives_a_restart_of_everything(settings, passwords, device):
    async with Broker(settings, passwords) as broker:
        alpha = await _connected(device(broker.mqtt_port, "alpha"))
        await asyncio.to_thread(alpha.publish, "devices/alpha/state", b"online", 1, retain=True)
        before = await broker.stream.state()
    async with Broker(settings, passwords) as broker:
        assert await broker.stream.state() == before
        assert [m.payload for m in await _read(broker, 1)] == [b"online"]

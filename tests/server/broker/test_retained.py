"""Retained states are kept in memory: a birth costs one fsync, not two."""

import asyncio

import pytest
from nats.js.api import StorageType

from server.broker import Broker

pytestmark = [pytest.mark.broker, pytest.mark.anyio]

RETAINED = "$MQTT_rmsgs"


async def storage(broker: Broker) -> StorageType | None:
    return (await broker.client.jetstream().stream_info(RETAINED)).config.storage


async def test_kept_in_memory_and_an_older_store_on_disk_is_replaced(settings, passwords, device):
    async with Broker(settings, passwords) as broker:
        assert await storage(broker) == StorageType.MEMORY
        js = broker.client.jetstream()
        await js.delete_stream(RETAINED)
        await js.add_stream(
            name=RETAINED, subjects=["$MQTT.rmsgs.>"], max_msgs_per_subject=1, storage="file"
        )
    async with Broker(settings, passwords) as broker:
        assert await storage(broker) == StorageType.MEMORY
        one = device(broker.mqtt_port, "alpha")
        await asyncio.to_thread(one.connect)
        await asyncio.to_thread(one.expect, "connect")
        await asyncio.to_thread(one.publish, "devices/alpha/state", b"{}", retain=True)
        info = await broker.client.jetstream().stream_info(RETAINED)
        assert info.state.messages == 1
        assert (await broker.stream.state()).messages == 1

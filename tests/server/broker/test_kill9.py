"""kill -9 of the broker while devices publish: what was acknowledged is there."""

import asyncio
import os
import signal
import threading

import paho.mqtt.client as mqtt
import pytest

from server.broker import Broker
from server.ingest.jetstream import JetStreamSource

pytestmark = [pytest.mark.broker, pytest.mark.slow, pytest.mark.anyio]
CLIENTS = 12
IN_FLIGHT = 40
ROUNDS = 3


class Publisher:
    """Keeps IN_FLIGHT messages on the way and notes each PUBACK; after a cut paho sends again."""

    def __init__(self, name, port):
        self.name = name
        self._acknowledged, self._numbers = set(), {}
        self._room = threading.Semaphore(IN_FLIGHT)
        self.client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2, client_id=name, clean_session=False
        )
        self.client.username_pw_set(name, f"{name}-secret")
        self.client.max_inflight_messages_set(IN_FLIGHT)
        self.client.reconnect_delay_set(1, 1)
        self.client.on_publish = self._on_publish
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()

    def _on_publish(self, client, userdata, message_id, code, properties):
        self._acknowledged.add(message_id)
        self._room.release()

    def run(self, stop):
        # Message ids name a message as long as they are not used again.
        for number in range(60_000):
            while not self._room.acquire(timeout=0.1):
                if stop.is_set():
                    return
            body = f"{self.name}:{number}:".encode() + b"x" * 2000
            info = self.client.publish(f"devices/{self.name}/telemetry", body, 1)
            self._numbers[info.mid] = number
            if stop.is_set():
                return

    def __len__(self):
        return len(self._acknowledged)

    def acknowledged(self):
        return {(self.name, self._numbers[message_id]) for message_id in self._acknowledged}

    def close(self):
        self.client.disconnect()
        self.client.loop_stop()


async def test_nothing_acknowledged_is_lost(settings, passwords, until):
    names = [f"d{n}" for n in range(CLIENTS)]
    passwords.passwords.update({name: f"{name}-secret" for name in names})
    async with Broker(settings, passwords) as broker:
        publishers = [await asyncio.to_thread(Publisher, n, broker.mqtt_port) for n in names]
        stop = threading.Event()
        threads = [threading.Thread(target=p.run, args=(stop,)) for p in publishers]
        for thread in threads:
            thread.start()
        try:
            for turn in range(1, ROUNDS + 1):
                goal = sum(map(len, publishers)) + 1000
                await until(lambda: sum(map(len, publishers)) >= goal)  # noqa: B023
                os.kill(broker.pid, signal.SIGKILL)
                await until(lambda: broker.restarts == turn and broker.connected)  # noqa: B023
        finally:
            stop.set()
            for thread in threads:
                await asyncio.to_thread(thread.join)
            for publisher in publishers:
                await asyncio.to_thread(publisher.close)
        acknowledged = set().union(*(p.acknowledged() for p in publishers))
        state = await broker.stream.state()
        source = JetStreamSource(broker.client, broker.stream)
        stored, positions = set(), []
        while not positions or positions[-1] < state.last_position:
            for message in await source.fetch(1000, 5.0):
                name, number, _ = message.payload.split(b":", 2)
                stored.add((name.decode(), int(number)))
                positions.append(message.position)
        await source.close()
    assert positions == sorted(set(positions))
    print(f"acknowledged {len(acknowledged)}, stored {len(positions)}")
    assert len(acknowledged) >= ROUNDS * 1000
    assert acknowledged <= stored

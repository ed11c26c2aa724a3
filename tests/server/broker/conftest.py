import asyncio
import queue
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest

from server.broker import Broker, BrokerSettings, Grant

HANG_S = 30


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Passwords:
    """Devices in a dict; ships nowhere, five lines."""

    def __init__(self, **passwords: str) -> None:
        self.passwords = passwords

    def check(self, username: str, password: str, client_id: str) -> Grant | None:
        return Grant(username) if self.passwords.get(username) == password != "" else None


@pytest.fixture
def until():
    async def wait(condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(2 * HANG_S):
            while not condition():  # noqa: ASYNC110 - what is waited for sends no event
                await asyncio.sleep(0.02)

    return wait


@pytest.fixture
def passwords() -> Passwords:
    return Passwords(alpha="alpha-secret", beta="beta-secret")


@pytest.fixture
def settings(tmp_path: Path) -> BrokerSettings:
    return BrokerSettings(tmp_path / "broker", mqtt_port=0, stream_max_bytes=256 * 2**20)


@pytest.fixture
async def broker(settings: BrokerSettings, passwords: Passwords):
    async with Broker(settings, passwords) as running:
        yield running


class Device:
    """A paho client whose events can be waited for, from any thread."""

    def __init__(self, port: int, username: str, password: str, client_id: str, **options) -> None:
        self.port = port
        self.events: queue.Queue[tuple] = queue.Queue()
        self.acknowledged: set[int] = set()
        self.client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2,
            client_id=client_id,
            clean_session=options.get("clean_session", True),
            reconnect_on_failure=options.get("reconnect", False),
        )
        self.client.username_pw_set(username, password)
        if will := options.get("will"):
            self.client.will_set(*will)
        self.client.reconnect_delay_set(1, 1)
        put = self.events.put
        self.client.on_connect = lambda c, u, f, code, p: put(("connect", code.value))
        self.client.on_disconnect = lambda c, u, f, code, p: put(("disconnect",))
        self.client.on_subscribe = lambda c, u, m, codes, p: put(("subscribe", codes[0].value))
        self.client.on_message = lambda c, u, m: put(("message", m.topic, m.payload, m.retain))
        self.client.on_publish = self._on_publish

    def _on_publish(self, client, userdata, message_id, code, properties) -> None:
        self.acknowledged.add(message_id)
        self.events.put(("publish", message_id))

    def connect(self):
        self.client.connect("127.0.0.1", self.port)
        self.client.loop_start()
        return self

    def expect(self, kind: str, timeout_s: float = HANG_S) -> tuple:
        """The next event of this kind; others before it are passed over."""
        deadline_s = time.monotonic() + timeout_s
        while True:
            event = self.events.get(timeout=max(0.001, deadline_s - time.monotonic()))
            if event[0] == kind:
                return event[1:]

    def publish(self, topic: str, payload: bytes, qos: int = 1, *, retain: bool = False) -> None:
        """Returns when the broker has acknowledged (QoS 1)."""
        self.client.publish(topic, payload, qos, retain=retain)
        if qos:
            self.expect("publish")

    def subscribe(self, topic: str, qos: int = 0) -> int:
        """The broker's answer: granted QoS, or 128 for refused."""
        self.client.subscribe(topic, qos)
        return self.expect("subscribe")[0]

    def lose_connection(self) -> None:
        """As a power cut would: no DISCONNECT packet."""
        self.client.loop_stop()
        self.client.socket().shutdown(socket.SHUT_RDWR)
        self.client.socket().close()

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@pytest.fixture
def device() -> Iterator[Callable[..., Device]]:
    """`device(port, name)` makes one; all are closed at the end."""
    made: list[Device] = []

    def make(port: int, username: str, password: str | None = None, **options) -> Device:
        client_id = options.pop("client_id", f"{username}-{len(made)}")
        secret = f"{username}-secret" if password is None else password
        made.append(Device(port, username, secret, client_id, **options))
        return made[-1]

    yield make
    for one in made:
        one.close()
    assert not [t for t in threading.enumerate() if t.name.startswith("paho")]

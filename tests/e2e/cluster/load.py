"""Devices that know all nodes: when one is gone they connect to the next, and lose nothing meanwhile."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Sequence
from random import Random
from typing import Any, Self

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from tests.e2e.product import HANG_GUARD_S, wait_until
from tests.e2e.publisher import pack

SAMPLES, STEP_S = 10, 5.0
PAUSE_S = 0.02

Sample = tuple[str, str, int, float]
"""device, metric, milliseconds, value"""


class Device:
    """Publishes at QoS 1, one pack in flight, so that no redelivery changes the order."""

    def __init__(
        self, ports: Sequence[int], name: str, password: str, *, first: int, with_will: bool = False
    ) -> None:
        self.name = name
        self.commands: list[bytes] = []
        self._ports = ports
        self._turn = first
        self._sent: set[int] = set()
        self._acknowledged: set[int] = set()
        self._refused = 0
        self._born_s = time.time()
        self._connected = threading.Event()
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=f"test-{name}", clean_session=False
        )
        self._client.username_pw_set(name, password)
        self._client.reconnect_delay_set(1, 1)
        if with_will:
            self._client.will_set(
                f"devices/{name}/state", _state("offline", "will", self._born_s), 1, retain=True
            )
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._next_node
        self._client.on_connect_fail = self._next_node
        self._client.on_message = lambda _c, _d, message: self.commands.append(message.payload)
        self._client.on_publish = lambda _c, _d, number, *_: self._acknowledged.add(number)

    def say_state(self, status: str, reason: str) -> None:
        """Retained, as the contract of the wire has it."""
        self._publish("state", _state(status, reason, self._born_s), retain=True)

    def lose_connection(self) -> None:
        """As a power cut would: no DISCONNECT packet."""
        self._connected.clear()
        broken = self._client.socket()
        assert broken is not None
        broken.shutdown(socket.SHUT_RDWR)

    def refused_again(self, *, tries: int = 2) -> bool:
        """Whether it was turned away so often since it was last connected."""
        return self._refused >= tries

    def _on_connect(self, client: Any, _data: Any, _flags: Any, reason: Any, _more: Any) -> None:
        if reason.is_failure:
            self._refused += 1
            return
        self._refused = 0
        client.subscribe(f"devices/{self.name}/commands", 0)
        self._connected.set()

    def _next_node(self, *_arguments: Any) -> None:
        self._connected.clear()
        self._turn += 1
        self._client.connect_async("127.0.0.1", self._ports[self._turn % len(self._ports)], 10)

    def __enter__(self) -> Self:
        self._client.connect_async("127.0.0.1", self._ports[self._turn % len(self._ports)], 10)
        self._client.loop_start()
        wait_until(lambda: self.connected, f"{self.name} to connect")
        return self

    def __exit__(self, *_error: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()
        left_open = self._client.socket()
        if left_open is not None:
            left_open.close()

    @property
    def connected(self) -> bool:
        return self._connected.is_set()

    @property
    def acknowledged(self) -> int:
        return len(self._acknowledged)

    def publish(self, payload: bytes) -> None:
        """Returns when it is acknowledged."""
        self._publish("telemetry", payload)

    def _publish(self, leaf: str, payload: bytes, *, retain: bool = False) -> None:
        topic = f"devices/{self.name}/{leaf}"
        self._sent.add(self._client.publish(topic, payload, 1, retain).mid)
        wait_until(lambda: len(self._acknowledged) >= len(self._sent), "the PUBACK", every_s=0.005)


def _state(status: str, reason: str, born_s: float) -> bytes:
    """A will says of which birth it is the end."""
    return json.dumps({"status": status, "reason": reason, "time_s": born_s}).encode()


def readings(device: str, number: int, start_s: float) -> list[tuple[str, str, float, float]]:
    """A humidity that leaves the possible twice, and a current that wanders."""
    random = Random(f"{device} {number}")
    found = []
    for index in range(SAMPLES):
        time_s = start_s + (number * SAMPLES + index) * STEP_S
        impossible = number in range(60, 66) or number >= 160
        humidity = 140.0 if impossible else 55 + random.gauss(0, 1)
        found.append(("room/humidity", "%RH", time_s, round(humidity, 3)))
        found.append(("motor/current", "A", time_s, round(4 + random.gauss(0, 0.1), 4)))
    return found


def expected(devices: Sequence[str], packs: int, start_s: float) -> Counter[Sample]:
    return Counter(
        (device, name, round(time_s * 1000), value)
        for device in devices
        for number in range(packs)
        for name, _unit, time_s, value in readings(device, number, start_s)
    )


class Load:
    """All devices publishing at once; each stage begins when it is released."""

    def __init__(self, devices: Sequence[Any], packs: int, stages: int, start_s: float) -> None:
        self._devices = devices
        self._packs = packs
        self._start_s = start_s
        self._stage = -(-packs // stages)
        self._released = [threading.Event() for _ in range(stages)]
        self._threads = [
            threading.Thread(target=self._publish, args=(each,), daemon=True) for each in devices
        ]
        for thread in self._threads:
            thread.start()

    def _publish(self, device: Any) -> None:
        for number in range(self._packs):
            assert self._released[number // self._stage].wait(2 * HANG_GUARD_S)
            device.publish(
                pack(readings(device.name, number, self._start_s), boot="b00t", seq=number)
            )
            time.sleep(PAUSE_S)

    @property
    def acknowledged(self) -> int:
        return sum(device.acknowledged for device in self._devices)

    def release(self, stage: int) -> None:
        self._released[stage].set()

    def wait_half(self, stage: int) -> int:
        """PUBACKs so far, in the middle of the stage."""
        half = (stage * self._stage + self._stage // 2) * len(self._devices)
        wait_until(lambda: self.acknowledged >= half, f"half of stage {stage}", every_s=0.01)
        return self.acknowledged

    def finish(self) -> None:
        for thread in self._threads:
            thread.join(2 * HANG_GUARD_S)
            assert not thread.is_alive(), "the load did not end"

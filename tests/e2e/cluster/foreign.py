"""A foreign device at one node: publishes under any topic, at any quality of service."""

from __future__ import annotations

import json
from types import TracebackType
from typing import Any, Self

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from tests.e2e.product import wait_until


class Foreign:
    def __init__(self, port: int, name: str, password: str) -> None:
        self._port = port
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=f"foreign-{name}")
        self._client.username_pw_set(name, password)
        self._sent: list[mqtt.MQTTMessageInfo] = []

    def __enter__(self) -> Self:
        self._client.connect("127.0.0.1", self._port, 20)
        self._client.loop_start()
        wait_until(self._client.is_connected, "the connection")
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: object, _trace: TracebackType | None
    ) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def say(self, topic: str, what: Any, *, qos: int = 1) -> None:
        payload = what if isinstance(what, bytes) else json.dumps(what).encode()
        self._sent.append(self._client.publish(topic, payload, qos=qos))

    def wait_acknowledged(self) -> None:
        wait_until(lambda: all(one.is_published() for one in self._sent), "every PUBACK")

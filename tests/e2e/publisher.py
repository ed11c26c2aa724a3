"""A device at the other end of MQTT that knows what was acknowledged to it."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from typing import Any, Self

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from tests.e2e.product import HANG_GUARD_S, Product, wait_until


class Publisher:
    """Publishes at QoS 1 with a session that survives, reconnects by itself."""

    def __init__(
        self,
        product: Product,
        device_id: str,
        password: str,
        *,
        client_id: str | None = None,
    ) -> None:
        self.product = product
        self.device_id = device_id
        self.password = password
        self.refused: list[str] = []
        # Counted, not by message id: those begin anew after 65,535. Each is written by one thread only.
        self._sent = 0
        self._acknowledged = 0
        self._address = (product.mqtt_host, product.mqtt_port)
        self._connected = threading.Event()
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=client_id or f"test-{device_id}",
            clean_session=False,
        )
        self._client.username_pw_set(device_id, password)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_publish = self._on_publish

    def _on_connect(self, _client: Any, _data: Any, _flags: Any, reason: Any, _more: Any) -> None:
        if reason.is_failure:
            self.refused.append(str(reason))
        else:
            self._connected.set()

    def _on_disconnect(self, *_arguments: Any) -> None:
        self._connected.clear()

    def _on_publish(self, *_arguments: Any) -> None:
        self._acknowledged += 1

    def __enter__(self) -> Self:
        self._client.connect_async(*self._address, keepalive=20)
        self._client.loop_start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()
        left_open = self._client.socket()
        if left_open is not None:
            left_open.close()  # paho lets go of it only when the thread saw the end

    @property
    def connected(self) -> bool:
        return self._connected.is_set()

    @property
    def acknowledged(self) -> int:
        return self._acknowledged

    @property
    def unacknowledged(self) -> int:
        return self._sent - self._acknowledged

    def wait_connected(self) -> Self:
        wait_until(lambda: self.connected, f"{self.device_id} to connect")
        return self

    def publish(
        self, payload: bytes, *, leaf: str = "telemetry", device: str | None = None
    ) -> None:
        """Sent now, or when the connection is back."""
        topic = f"devices/{device or self.device_id}/{leaf}"
        self._sent += 1
        self._client.publish(topic, payload, qos=1)

    def wait_acknowledged(self, *, timeout_s: float = HANG_GUARD_S) -> None:
        """Everything published so far has its PUBACK."""
        wait_until(
            lambda: self.unacknowledged == 0,
            f"every PUBACK for {self.device_id}",
            timeout_s=timeout_s,
        )


def pack(
    readings: Sequence[tuple[str, str, float, float]], *, boot: str = "", seq: int = 0
) -> bytes:
    """SenML in JSON of (name, unit, unix seconds, value)."""
    records: list[dict[str, Any]] = [
        {"n": name, "u": unit, "t": time_s, "v": value} for name, unit, time_s, value in readings
    ]
    if boot:
        records[0] |= {"boot": boot, "seq": seq}
    return json.dumps(records).encode()

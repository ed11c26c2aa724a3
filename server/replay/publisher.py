"""A device's connection to the broker: QoS 1, a few messages in flight, everything accounted for."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlsplit

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from device_agent.wire import device_topic
from server.kit.text import one_line
from server.replay.errors import ReplayError

_PORTS: Final = {"mqtt": 1883, "mqtts": 8883}
_REFUSALS: Final = {"Bad user name or password", "Not authorized"}


class Publisher:
    """Publishes as one device. `connect` first, `close` last; `publish` from one thread only.

    A broken connection is made again by itself and what was not acknowledged is sent again; after
    `patience_s` without an acknowledgement that is owed, waiting calls raise ReplayError.
    """

    def __init__(
        self,
        url: str,
        device_id: str,
        password: str,
        *,
        client_id: str,
        window: int = 8,
        patience_s: float = 30.0,
        will: bytes | None = None,
        on_command: Callable[[bytes], None] | None = None,
    ) -> None:
        """`url` is ``mqtt://host:port`` or ``mqtts://…``; `will` is published as the device's state;
        `on_command` is called with what the device is told, from the client's own thread.
        """
        self._host, self._port, secure = _address(url)
        self._device_id = device_id
        self._patience_s = patience_s
        self._window = window
        self._state = threading.Condition()
        self._owed = 0
        self._connected = False
        self._refusal: str | None = None
        self.acknowledged = 0
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=client_id, protocol=mqtt.MQTTv311
        )
        self._client.username_pw_set(device_id, password)
        self._client.reconnect_delay_set(1, 8)
        if secure:
            self._client.tls_set()
        if will is not None:
            self._client.will_set(device_topic(device_id, "state"), will, qos=1, retain=True)
        self._on_command = on_command
        self._client.on_connect = self._on_connect
        self._client.on_message = self._on_message
        self._client.on_disconnect = self._on_disconnect
        self._client.on_publish = self._on_publish

    def connect(self, *, timeout_s: float = 15.0) -> None:
        """Returns when the broker has let us in; raises ReplayError when it does not."""
        try:
            self._client.connect(self._host, self._port, keepalive=60)
        except (OSError, ValueError) as error:
            raise ReplayError(
                f"no broker answers at {self._host}:{self._port} ({error}); is the server running?"
            ) from error
        self._client.loop_start()
        try:
            self._wait(lambda: self._connected, "the broker did not let us in", timeout_s)
        except ReplayError:
            self.close()
            raise

    def publish(self, leaf: str, payload: bytes, *, retain: bool = False) -> None:
        """Hand over one message; waits while the window is full of unacknowledged ones."""
        self._wait(
            lambda: self._owed < self._window,
            "the broker acknowledges nothing any more",
            self._patience_s,
        )
        with self._state:
            self._owed += 1
        info = self._client.publish(device_topic(self._device_id, leaf), payload, 1, retain)
        if info.rc not in (mqtt.MQTT_ERR_SUCCESS, mqtt.MQTT_ERR_NO_CONN):
            raise ReplayError(f"a message could not be sent: {mqtt.error_string(info.rc)}")

    def drain(self) -> None:
        """Returns when everything published is acknowledged; raises ReplayError if it never is."""
        self._wait(
            lambda: self._owed == 0, "the broker did not acknowledge everything", self._patience_s
        )

    def close(self) -> None:
        """Say goodbye; a will is not published."""
        self._client.disconnect()
        self._client.loop_stop()

    def vanish(self) -> None:
        """Drop the connection without a goodbye, as a power cut would: the will is published."""
        self._client.loop_stop()
        connection = self._client.socket()
        if connection is not None:
            connection.close()

    def _wait(self, done: Callable[[], bool], complaint: str, patience_s: float) -> None:
        """Wait for `done`; patience starts anew with every acknowledgement."""
        with self._state:
            seen, deadline_s = self.acknowledged, time.monotonic() + patience_s
            while not done():
                if self._refusal is not None:
                    raise ReplayError(self._refusal)
                if self.acknowledged != seen:
                    seen, deadline_s = self.acknowledged, time.monotonic() + patience_s
                remaining_s = deadline_s - time.monotonic()
                if remaining_s <= 0:
                    away = "" if self._connected else " (not connected)"
                    raise ReplayError(f"{complaint} within {patience_s:g} s{away}")
                self._state.wait(remaining_s)

    def _on_connect(
        self, _client: mqtt.Client, _data: Any, _flags: Any, code: ReasonCode, _properties: Any
    ) -> None:
        with self._state:
            self._connected = not code.is_failure
            if code.is_failure and self.acknowledged:
                pass  # it was let in before: shown out for more than its share, and may come back
            elif str(code) in _REFUSALS:
                self._refusal = f"the broker refuses device {self._device_id!r}: unknown device or wrong password"
            elif code.is_failure:
                self._refusal = f"the broker refuses the connection: {one_line(str(code))}"
            self._state.notify_all()
        if self._on_command is not None and not code.is_failure:
            self._client.subscribe(device_topic(self._device_id, "commands"), 0)

    def _on_message(self, _client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        if self._on_command is not None:
            self._on_command(bytes(message.payload))

    def _on_disconnect(
        self, _client: mqtt.Client, _data: Any, _flags: Any, _code: ReasonCode, _properties: Any
    ) -> None:
        with self._state:
            self._connected = False

    def _on_publish(
        self, _client: mqtt.Client, _data: Any, _mid: int, _code: ReasonCode, _properties: Any
    ) -> None:
        with self._state:
            self._owed -= 1
            self.acknowledged += 1
            self._state.notify_all()


def _address(url: str) -> tuple[str, int, bool]:
    parts = urlsplit(url if "://" in url else f"mqtt://{url}")
    try:
        port = parts.port
    except ValueError:
        port = -1
    if parts.scheme not in _PORTS or not parts.hostname or port == -1:
        raise ReplayError(
            f"{one_line(url)!r} is not a broker's address; write mqtt://host:1883 or mqtts://host:8883"
        )
    return parts.hostname, port or _PORTS[parts.scheme], parts.scheme == "mqtts"

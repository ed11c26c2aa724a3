"""One MQTT connection, from connect to its end; paho-mqtt is seen here and nowhere else.

A link is never reused: what it had not got acknowledged is still in the spool, so the next link
starts from there and paho's own memory of unacknowledged messages is not needed.
"""

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from device_agent.settings import BrokerSettings
from device_agent.wire import device_topic

_CONNECT_TIMEOUT_S: Final = 3.0
# Birth and farewell travel beside the spooled messages.
_SPARE_INFLIGHT: Final = 8


@dataclass(frozen=True, slots=True)
class Connected:
    """The broker has let us in."""


@dataclass(frozen=True, slots=True)
class Lost:
    """The link is over."""

    reason: str


@dataclass(frozen=True, slots=True)
class Acked:
    """The broker has message ``mid`` on its disk."""

    mid: int


@dataclass(frozen=True, slots=True)
class Arrived:
    """A command came."""

    payload: bytes


LinkEvent = Connected | Lost | Acked | Arrived


class Link:
    """Call ``open`` once, then ``publish``; events come on paho's thread through ``notify``."""

    def __init__(
        self,
        settings: BrokerSettings,
        *,
        device_id: str,
        password: str,
        will: bytes,
        notify: Callable[["Link", LinkEvent], None],
    ) -> None:
        self._settings = settings
        self._device_id = device_id
        self._notify = notify
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=device_id,
            clean_session=True,
            protocol=mqtt.MQTTv311,
            reconnect_on_failure=False,
        )
        client.connect_timeout = _CONNECT_TIMEOUT_S
        client.max_inflight_messages_set(settings.max_inflight + _SPARE_INFLIGHT)
        client.username_pw_set(settings.username or device_id, password or None)
        client.will_set(device_topic(device_id, "state"), will, qos=1, retain=True)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        client.on_message = self._on_message
        self._client = client

    def open(self) -> None:
        """Connect; raises OSError. The answer comes as Connected or Lost."""
        if self._settings.tls:
            self._client.tls_set(
                ca_certs=self._settings.ca_file or None, cert_reqs=ssl.CERT_REQUIRED
            )
        self._client.connect(
            self._settings.host, self._settings.port, keepalive=self._settings.keepalive_s
        )
        self._client.loop_start()

    def publish(self, leaf: str, payload: bytes, *, retain: bool = False) -> int:
        """Send at QoS 1; give the id that its Acked will carry."""
        topic = device_topic(self._device_id, leaf)
        return self._client.publish(topic, payload, qos=1, retain=retain).mid

    def listen_for_commands(self) -> None:
        """Subscribe at QoS 0: the server sends a command again until it has the result."""
        self._client.subscribe(device_topic(self._device_id, "commands"), qos=0)

    def close(self) -> None:
        """Say goodbye, so that the will is not published, and stop paho's thread."""
        self._client.disconnect()
        self._client.loop_stop()

    def _on_connect(
        self, _client: Any, _data: Any, _flags: Any, code: Any, _properties: Any
    ) -> None:
        self._notify(self, Lost(f"refused: {code}") if code.is_failure else Connected())

    def _on_disconnect(
        self, _client: Any, _data: Any, _flags: Any, code: Any, _properties: Any
    ) -> None:
        # paho's word for a connection that just broke off.
        reason = "broken off" if str(code) == "Unspecified error" else str(code)
        self._notify(self, Lost(reason))

    def _on_publish(self, _client: Any, _data: Any, mid: int, _code: Any, _properties: Any) -> None:
        self._notify(self, Acked(mid))

    def _on_message(self, _client: Any, _data: Any, message: Any) -> None:
        self._notify(self, Arrived(bytes(message.payload)))

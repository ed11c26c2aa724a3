"""One MQTT connection, from connect to its end; paho-mqtt is seen here and nowhere else.

A link is never reused: what it had not got acknowledged is still in the spool, so the next link
starts from there and paho's own memory of unacknowledged messages is not needed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from device_agent.delivery_settings import BrokerSettings
from device_agent.late_modules import late
from device_agent.proxy import Proxy, parse_proxy
from device_agent.wire import device_topic

with late("stringprep", "unicodedata"):
    import encodings.idna  # noqa: F401 - what every look-up of a name loads
with late("ssl", "urllib.request", "hashlib"):
    from paho.mqtt import client as mqtt
    from paho.mqtt.enums import CallbackAPIVersion

_CONNECT_TIMEOUT_S: Final = 3.0
# Birth and farewell travel beside the spooled messages.
_SPARE_INFLIGHT: Final = 8
_REFUSALS: Final = frozenset({"Bad user name or password", "Not authorized", "Banned"})


@dataclass(frozen=True, slots=True)
class Connected:
    """The broker has let us in."""


@dataclass(frozen=True, slots=True)
class Lost:
    """The link is over; ``is_refused``: the broker did not take our credentials."""

    reason: str
    is_refused: bool = False


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
        will: bytes | None,
        notify: Callable[["Link", LinkEvent], None],
        client_id: str = "",
    ) -> None:
        self._settings = settings
        self._device_id = device_id
        self._notify = notify
        is_5 = settings.protocol == "5"
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=client_id or device_id,
            clean_session=None if is_5 else True,
            protocol=mqtt.MQTTv5 if is_5 else mqtt.MQTTv311,
            transport="websockets" if settings.transport == "websockets" else "tcp",
            reconnect_on_failure=False,
        )
        if settings.transport == "websockets":
            client.ws_set_options(path=settings.websocket_path)
        client.connect_timeout = _CONNECT_TIMEOUT_S
        client.max_inflight_messages_set(settings.max_inflight + _SPARE_INFLIGHT)
        client.username_pw_set(settings.username or device_id, password or None)
        if will is not None:
            client.will_set(device_topic(device_id, "state"), will, qos=1, retain=True)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        client.on_message = self._on_message
        self._client = client

    def open(self) -> None:
        """Connect; raises OSError, ValueError. The answer comes as Connected or Lost."""
        if self._settings.tls:
            import ssl  # noqa: PLC0415 - a sixth of the agent; see late_modules

            self._client.tls_set(
                ca_certs=self._settings.ca_file or None,
                certfile=self._settings.cert_file or None,
                keyfile=self._settings.key_file or None,
                cert_reqs=ssl.CERT_REQUIRED,
            )
        if self._settings.proxy:
            self._go_by(parse_proxy(self._settings.proxy))
        self._client.connect(
            self._settings.host, self._settings.port, keepalive=self._settings.keepalive_s
        )
        self._client.loop_start()

    def _go_by(self, proxy: Proxy) -> None:
        self._client.proxy_set(
            proxy_type=proxy.kind,
            proxy_addr=proxy.host,
            proxy_port=proxy.port,
            # The broker's name is the proxy's to look up: devices behind one often have no DNS.
            proxy_rdns=True,
            proxy_username=proxy.username or None,
            proxy_password=proxy.password or None,
        )

    def publish(self, leaf: str, payload: bytes, *, retain: bool = False) -> int:
        """Send at QoS 1; give the id that its Acked will carry."""
        topic = device_topic(self._device_id, leaf)
        return self._client.publish(topic, payload, qos=1, retain=retain).mid

    def announce(self, topic: str, payload: bytes) -> None:
        """Publish a retained message for others on the broker; nobody waits for its PUBACK."""
        self._client.publish(topic, payload, qos=1, retain=True)

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
        if code.is_failure:
            self._notify(self, Lost(f"refused: {code}", is_refused=str(code) in _REFUSALS))
        else:
            self._notify(self, Connected())

    def _on_disconnect(
        self, _client: Any, _data: Any, _flags: Any, code: Any, _properties: Any
    ) -> None:
        # paho's word for a connection that just broke off.
        reason = "broken off" if str(code) == "Unspecified error" else str(code)
        self._notify(self, Lost(reason))

    def _on_publish(self, _client: Any, _data: Any, mid: int, code: Any, _properties: Any) -> None:
        # MQTT 5 can answer a single message with "no"; it stays in the spool for the next link.
        self._notify(self, Lost(f"publish refused: {code}") if code.is_failure else Acked(mid))

    def _on_message(self, _client: Any, _data: Any, message: Any) -> None:
        self._notify(self, Arrived(bytes(message.payload)))

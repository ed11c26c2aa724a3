"""A paho client of ours on a broker that is not: made alike for taking in and for sending."""

from __future__ import annotations

import time
from typing import Final

from paho.mqtt.client import Client, MQTTv5, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from server.broker.address import BrokerAddress

_KEEPALIVE_S: Final = 20
_CONNECT_TIMEOUT_S: Final = 5.0
_RETRY_FIRST_S: Final = 1
_RETRY_MOST_S: Final = 10
_SESSION_KEPT_S: Final = 7 * 86_400


def make_client(address: BrokerAddress, client_id: str, *, lasting: bool) -> Client:
    """`lasting`: the broker keeps the session while we are away. Reconnects by itself.

    Raises ConfigurationError for a CA file that can't be used.
    """
    client = Client(
        CallbackAPIVersion.VERSION2,
        client_id=client_id,
        clean_session=None if address.mqtt_5 else not lasting,
        protocol=MQTTv5 if address.mqtt_5 else MQTTv311,
        manual_ack=lasting,
    )
    client.connect_timeout = _CONNECT_TIMEOUT_S
    client.reconnect_delay_set(_RETRY_FIRST_S, _RETRY_MOST_S)
    if address.username:
        client.username_pw_set(address.username, address.password or None)
    if (context := address.tls_context()) is not None:
        client.tls_set_context(context)
    return client


def try_to_connect(address: BrokerAddress) -> str:
    """Connect once and leave; why not, or nothing. Raises ConfigurationError as `make_client`."""
    client = make_client(address, "", lasting=False)
    answers: list[str] = []
    client.on_connect = lambda _c, _d, _f, code, _p: answers.append(
        str(code) if code.is_failure else ""
    )
    try:
        client.connect(address.host, address.port, _KEEPALIVE_S)
    except OSError as error:
        return str(error) or type(error).__name__
    deadline_s = time.monotonic() + _CONNECT_TIMEOUT_S
    while not answers and time.monotonic() < deadline_s:
        if client.loop(timeout=0.2) != MQTTErrorCode.MQTT_ERR_SUCCESS and not answers:
            return "it ended the connection"
    client.disconnect()
    return answers[0] if answers else "no answer"


def connect(client: Client, address: BrokerAddress, *, lasting: bool, at_once: int = 0) -> None:
    """Start connecting on the client's own thread; `at_once`: unacknowledged messages it may hold."""
    if not address.mqtt_5:
        client.connect_async(address.host, address.port, _KEEPALIVE_S)
    else:
        asked = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        if lasting:
            asked.SessionExpiryInterval = _SESSION_KEPT_S
        if at_once:
            asked.ReceiveMaximum = at_once
        client.connect_async(
            address.host, address.port, _KEEPALIVE_S, clean_start=not lasting, properties=asked
        )
    client.loop_start()

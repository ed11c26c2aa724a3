"""A broker that is not ours: the way to the devices over plain MQTT.

What devices send is taken in elsewhere (`server.ingest.mqtt`); who may connect and publish what is the
broker's own business, set up as docs/how-to/use-your-own-broker.md tells.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from typing import Any, Final

from paho.mqtt.client import Client, ConnectFlags
from paho.mqtt.reasoncodes import ReasonCode

from device_agent.wire.topics import device_topic, valid_device_id
from server.broker.address import BrokerAddress
from server.broker.errors import BrokerError, BrokerUnavailable
from server.broker.mqtt_client import connect, make_client

log = logging.getLogger(__name__)

_ANSWER_S: Final = 5.0


class ExternalBroker:
    """`start` once, `stop` once. It is no failure when the broker is away at the start."""

    def __init__(self, address: BrokerAddress) -> None:
        self.address = address
        name = f"forewarn-commands-{secrets.token_hex(4)}"
        self._client = make_client(address, name, lasting=False)
        self._client.on_connect = self._on_connect
        self._told = False

    def start(self) -> None:
        connect(self._client, self.address, lasting=False)

    async def stop(self) -> None:
        def leave() -> None:
            self._client.disconnect()
            self._client.loop_stop()

        await asyncio.to_thread(leave)

    @property
    def connected(self) -> bool:
        return self._client.is_connected()

    @property
    def writing(self) -> bool:
        """The broker does not tell."""
        return True

    async def publish(self, topic: str, payload: bytes) -> None:
        """At QoS 1; returns when the broker has acknowledged. Raises BrokerUnavailable."""
        await asyncio.to_thread(self._publish, topic, payload)

    async def publish_command(self, device_id: str, payload: bytes) -> None:
        if not valid_device_id(device_id):
            raise BrokerError("that is not a device id")
        await self.publish(device_topic(device_id, "commands"), payload)

    async def disconnect_device(self, device_id: str) -> int:
        """MQTT has no word for it: the broker shows the device out when it reads its password file."""
        log.info("%s: its old credentials end when the broker reads its password file", device_id)
        return 0

    def _publish(self, topic: str, payload: bytes) -> None:
        if not self._client.is_connected():
            raise BrokerUnavailable(f"{self.address.url} is not connected")
        sent = self._client.publish(topic, payload, qos=1)
        try:
            sent.wait_for_publish(_ANSWER_S)
        except (RuntimeError, ValueError) as error:
            raise BrokerUnavailable(f"the broker did not take it: {error}") from error
        if not sent.is_published():
            raise BrokerUnavailable(f"{self.address.url} did not acknowledge in {_ANSWER_S:g} s")

    def _on_connect(
        self, _client: Client, _data: Any, _flags: ConnectFlags, code: ReasonCode, _more: Any
    ) -> None:
        if code.is_failure and not self._told:
            log.error("%s refused us: %s; check mqtt_url", self.address.url, code)
        self._told = code.is_failure

"""The broker, which lives on the event loop, for those who work in threads."""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
from collections.abc import Coroutine
from typing import Any

from server.broker.port import DeviceBroker

log = logging.getLogger(__name__)

_TIMEOUT_S = 10.0


class BrokerBridge:
    """CommandSender and DeviceGate over a broker. Not to be called from the loop itself."""

    def __init__(self, broker: DeviceBroker, loop: asyncio.AbstractEventLoop) -> None:
        self._broker = broker
        self._loop = loop

    def send(self, device_id: str, payload: bytes) -> None:
        self._wait_for(self._broker.publish_command(device_id, payload))

    def disconnect(self, device_id: str) -> None:
        self._wait_for(self._broker.disconnect_device(device_id))

    def ask(self, topic: str, payload: bytes) -> None:
        """Publish and go on: who asks will ask again."""
        asking = asyncio.run_coroutine_threadsafe(self._broker.publish(topic, payload), self._loop)
        asking.add_done_callback(_told)

    def _wait_for(self, work: Coroutine[Any, Any, object]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(_TIMEOUT_S)


def _told(asking: concurrent.futures.Future[None]) -> None:
    if not asking.cancelled() and (error := asking.exception()) is not None:
        log.info("a device could not be asked to introduce itself: %s", error)

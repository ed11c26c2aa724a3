"""The broker, which lives on the event loop, for those who work in threads."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from server.broker.port import DeviceBroker

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

    def _wait_for(self, work: Coroutine[Any, Any, object]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(_TIMEOUT_S)

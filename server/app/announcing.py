"""What processes tell each other over the broker: that the outbox has work, and what has happened.

Neither is a promise. Who missed a wake looks into the outbox every other second all the same; a web
process that lost its line tells its pages to look at everything again.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from dataclasses import asdict
from typing import Final

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg

from server.kit.events import Event

log = logging.getLogger(__name__)

_WAKE: Final = "forewarn.wake"
_HAPPENED: Final = "forewarn.happened"


class Announcer:
    """Over one connection, in one event loop; `wake` and `tell` may be called from any thread."""

    def __init__(self, client: Client, loop: asyncio.AbstractEventLoop) -> None:
        self._client = client
        self._loop = loop
        self._under_way: set[asyncio.Task[None]] = set()

    def wake(self) -> None:
        """Something was committed: events may wait in the outbox."""
        self._soon(_WAKE, b"")

    def tell(self, event: Event) -> None:
        """`event` has happened and everybody has reacted."""
        body = {"name": type(event).__name__, "payload": asdict(event)}
        self._soon(_HAPPENED, json.dumps(body).encode())

    async def on_wake(self, wake: Callable[[], None]) -> None:
        async def woken(_message: Msg) -> None:
            wake()

        await self._client.subscribe(_WAKE, cb=woken)

    async def on_event(self, hear: Callable[[Event], None]) -> None:
        async def heard(message: Msg) -> None:
            told = json.loads(message.data)
            kind = Event.registry.get(told["name"])
            if kind is not None:  # else of a newer version beside us
                hear(kind.from_payload(told["payload"]))

        await self._client.subscribe(_HAPPENED, cb=heard)

    def _soon(self, subject: str, body: bytes) -> None:
        self._loop.call_soon_threadsafe(self._start, subject, body)

    def _start(self, subject: str, body: bytes) -> None:
        task = self._loop.create_task(self._publish(subject, body))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _publish(self, subject: str, body: bytes) -> None:
        if not self._client.is_connected:
            return  # else it would be told when it is old
        try:
            await self._client.publish(subject, body)
        except (nats.errors.Error, OSError) as error:
            log.debug("not announced: %r", error)

"""A source without a broker, for tests and dry runs; it keeps the contract of the real one."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable

from server.ingest.source import Message, SourceRewound


class MemoryStream:
    """What a broker would hold: appended to by "devices", read by any number of sources."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._changed = asyncio.Condition()
        self.wipe()

    def wipe(self) -> None:
        """As if the store had been deleted: positions start anew."""
        self.identity = uuid.uuid4().hex
        self.messages: list[Message] = []
        self.last_position = 0
        self.acknowledged = 0

    async def publish(self, topic: str, payload: bytes) -> int:
        """Append; the message's position."""
        async with self._changed:
            self.last_position += 1
            message = Message(self.last_position, topic, payload, self._now_s())
            self.messages.append(message)
            self._changed.notify_all()
        return message.position

    async def after(self, position: int, max_messages: int, max_wait_s: float) -> list[Message]:
        """Messages beyond `position`, waiting for the first of them."""
        async with self._changed:
            try:
                async with asyncio.timeout(max_wait_s):
                    await self._changed.wait_for(lambda: self.last_position > position)
            except TimeoutError:
                return []
            return [m for m in self.messages if m.position > position][:max_messages]


class MemorySource:
    """The Source port over a MemoryStream."""

    def __init__(self, stream: MemoryStream, *, start_after: int = 0) -> None:
        self._stream = stream
        self._identity = stream.identity
        self._position = start_after

    async def fetch(self, max_messages: int, max_wait_s: float) -> list[Message]:
        stream = self._stream
        if self._position > stream.last_position or stream.identity != self._identity:
            raise SourceRewound("the stream was replaced by another")
        messages = await stream.after(self._position, max_messages, max_wait_s)
        if messages:
            self._position = messages[-1].position
        return messages

    async def acknowledge(self, position: int) -> None:
        self._stream.acknowledged = max(self._stream.acknowledged, position)

    async def identity(self) -> str:
        return self._stream.identity

    async def lag(self) -> int:
        return self._stream.last_position - self._position

    async def close(self) -> None:
        """Nothing to let go of."""

"""A consumer ends when it is told to, whatever it was waiting for."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from server.app.consuming import Consumer
from server.ingest.source import Message
from server.kit.clock import ManualClock
from server.kit.settings import Settings
from server.pipeline import Pipeline, PipelineParts
from server.telemetry.memory import MemoryTelemetryStore


class Deaf:
    """A source whose wait swallows the first cancellation, as `asyncio.wait_for` may."""

    def __init__(self) -> None:
        self.fetching = asyncio.Event()

    async def fetch(self, max_messages: int, max_wait_s: float) -> list[Message]:
        del max_messages, max_wait_s
        self.fetching.set()
        try:
            await asyncio.sleep(0.2)
        except asyncio.CancelledError:
            if asyncio.current_task().cancelling() > 1:  # type: ignore[union-attr]
                raise
        return []

    async def acknowledge(self, position: int) -> None: ...

    async def identity(self) -> str:
        return "deaf"

    async def lag(self) -> int:
        return 0

    async def close(self) -> None: ...


@pytest.mark.parametrize("after_s", [0.0, 0.05])
def test_a_swallowed_cancellation_still_ends_it(
    database, clock: ManualClock, after_s: float
) -> None:
    async def told_once() -> bool:
        source, settings = Deaf(), Settings()
        parts = PipelineParts(MemoryTelemetryStore(), database, clock, settings, lambda: None)
        consumer = Consumer(lambda _after: source, partial(Pipeline, parts=parts), settings)
        running = asyncio.create_task(consumer.run())
        await source.fetching.wait()
        await asyncio.sleep(after_s)
        running.cancel()
        done, _ = await asyncio.wait({running}, timeout=60)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        consumer.close()
        return bool(done)

    assert asyncio.run(told_once())

"""Feeds the pipeline from the stream: fetch, process, checkpoint, acknowledge; restart on failure.

The pipeline runs in a thread of its own, so that pages stay quick while a backlog is worked off. When
a batch fails, memory is thrown away and everything resumes from the last checkpoint, exactly as after
a kill -9: there is one way back, and it is the tested one.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from prometheus_client import Gauge

from anomaly import warm_up
from server.broker.errors import BrokerUnavailable
from server.ingest.source import Source
from server.kit.errors import Conflict
from server.kit.leases import LeaseLost
from server.kit.settings import Settings
from server.pipeline import Pipeline

log = logging.getLogger(__name__)

LAG = Gauge(
    "forewarn_stream_lag", "Messages in the broker's stream that wait to be processed", ["share"]
)

T = TypeVar("T")

OpenSource = Callable[[int], Source]
MakePipeline = Callable[[str], Pipeline]
Idle = Callable[[Source, Pipeline], None]

_FETCH_WAIT_S = 0.5
_CHECKPOINT_MESSAGES = 20_000
_PAUSES = 20
"""A checkpoint takes one part in so many of the time: with fifty thousand series it is 80 MB."""
_RETRY_FIRST_S = 0.5
_RETRY_MOST_S = 30.0


class Consumer:
    """Runs until cancelled, or LeaseLost; `ready` is set once messages are being processed."""

    def __init__(
        self,
        open_source: OpenSource,
        make: MakePipeline,
        settings: Settings,
        *,
        thread: ThreadPoolExecutor | None = None,
        name: str = "all",
        on_idle: Idle = lambda _source, _pipeline: None,
    ) -> None:
        """Several consumers may work in one `thread`, one batch at a time; it is not closed here."""
        self._open_source = open_source
        self._make = make
        self._settings = settings
        self._own_thread = thread is None
        self._thread = thread or ThreadPoolExecutor(1, thread_name_prefix="pipeline")
        self._name = name
        self._on_idle = on_idle
        self.ready = asyncio.Event()
        self._turn = asyncio.Lock()
        self._pipeline: Pipeline | None = None

    @contextlib.asynccontextmanager
    async def paused(self) -> AsyncIterator[Source]:
        """No batch is under way, and all done before is on disk; a reader of what comes after it.

        Raises Conflict while the pipeline does not work: a store or the broker is away.
        """
        async with self._turn:
            if self._pipeline is None:
                raise Conflict("the pipeline does not work at the moment (see the log); try again")
            source = self._open_source(await self._in_thread(self._pipeline.checkpoint))
            try:
                yield source
            finally:
                await source.close()

    async def run(self) -> None:
        delay_s = _RETRY_FIRST_S
        while True:
            try:
                await self._consume()
            except (asyncio.CancelledError, LeaseLost):
                raise
            except Exception:  # whatever it was, the way back is the same
                log.exception("the pipeline stopped; it resumes from its checkpoint")
            if self.ready.is_set():
                delay_s = _RETRY_FIRST_S
                self.ready.clear()
            await asyncio.sleep(delay_s)
            delay_s = min(delay_s * 2, _RETRY_MOST_S)

    async def _consume(self) -> None:
        source, pipeline = await self._open()
        self._pipeline = pipeline
        try:
            await self._work(source, pipeline)
        finally:
            self._pipeline = None
            # Not interrupted: a batch under way in the thread ends before the pipeline is let go.
            await asyncio.shield(self._in_thread(lambda: None))
            await source.close()

    async def _open(self) -> tuple[Source, Pipeline]:
        probe = self._open_source(0)
        try:
            stream = await probe.identity()
        finally:
            await probe.close()
        pipeline = await self._in_thread(lambda: self._make(stream))
        return self._open_source(pipeline.position), pipeline

    async def _work(self, source: Source, pipeline: Pipeline) -> None:
        settings, loop = self._settings, asyncio.get_running_loop()
        checkpoint_at = not_before = silence_at = loop.time()
        since_checkpoint = 0
        while True:
            messages = await source.fetch(settings.batch_messages, _FETCH_WAIT_S)
            if messages:
                async with self._turn:
                    await self._in_thread(partial(pipeline.process, messages))
                since_checkpoint += len(messages)
            if not self.ready.is_set():
                self.ready.set()
                # Compiled now rather than when the first samples wait for it.
                await self._in_thread(warm_up)
            if loop.time() >= silence_at:
                await self._in_thread(pipeline.look_for_silence)
                silence_at = loop.time() + settings.silence_tick_s
            if not messages:
                await self._in_thread(partial(self._on_idle, source, pipeline))
            now = loop.time()
            many = since_checkpoint >= _CHECKPOINT_MESSAGES and now >= not_before
            if now >= checkpoint_at or many:
                await source.acknowledge(await self._in_thread(pipeline.checkpoint))
                not_before = loop.time() + _PAUSES * (loop.time() - now)
                checkpoint_at = max(loop.time() + settings.checkpoint_interval_s, not_before)
                with contextlib.suppress(BrokerUnavailable):
                    LAG.labels(self._name).set(await source.lag())
                since_checkpoint = 0

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def close(self) -> None:
        if self._own_thread:
            self._thread.shutdown(wait=True)

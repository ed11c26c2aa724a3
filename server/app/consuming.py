"""Feeds the pipeline from the stream: fetch, process, checkpoint, acknowledge; restart on failure.

The pipeline runs in threads of its own, so that pages stay quick while a backlog is worked off: one
takes a batch in (store, detectors, records, mostly outside of Python), the other understands the next
meanwhile (docs/decisions/0029-two-lanes.md). When a batch fails, memory is thrown away and everything
resumes from the last checkpoint, exactly as after a kill -9: there is one way back, and it is the
tested one.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from prometheus_client import Gauge

from anomaly import warm_up
from server.broker.errors import BrokerUnavailable
from server.ingest.source import Message, Source
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
_GATHER_S = 0.05
"""From batch to batch at least, while there is no backlog: a batch costs some milliseconds however small it is."""
_CHECKPOINT_MESSAGES = 20_000
_PAUSES = 20
"""A checkpoint takes one part in so many of the time: with fifty thousand series it is 80 MB."""
_RETRY_FIRST_S = 0.5
_RETRY_MOST_S = 30.0


class Lanes:
    """The two threads that batches go through, one batch in each; several consumers may share them."""

    def __init__(self) -> None:
        self.understanding = ThreadPoolExecutor(1, thread_name_prefix="understanding")
        self.taking_in = ThreadPoolExecutor(1, thread_name_prefix="pipeline")

    def close(self) -> None:
        self.understanding.shutdown(wait=True)
        self.taking_in.shutdown(wait=True)


class Consumer:
    """Runs until cancelled, or LeaseLost; `ready` is set once messages are being processed."""

    def __init__(
        self,
        open_source: OpenSource,
        make: MakePipeline,
        settings: Settings,
        *,
        lanes: Lanes | None = None,
        name: str = "all",
        on_idle: Idle = lambda _source, _pipeline: None,
    ) -> None:
        """`lanes` that are given are shared with other consumers, and not closed here."""
        self._open_source = open_source
        self._make = make
        self._settings = settings
        self._own_lanes = lanes is None
        self._lanes = lanes or Lanes()
        self._name = name
        self._on_idle = on_idle
        self.ready = asyncio.Event()
        self._turn = asyncio.Lock()
        self._pipeline: Pipeline | None = None
        self._under_way: asyncio.Future[None] | None = None

    @contextlib.asynccontextmanager
    async def paused(self) -> AsyncIterator[Source]:
        """No batch is under way, and all done before is on disk; a reader of what comes after it.

        Raises Conflict while the pipeline does not work: a store or the broker is away.
        """
        async with self._turn:
            if self._pipeline is None:
                raise Conflict("the pipeline does not work at the moment (see the log); try again")
            await self._taken_in()
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
            # Not interrupted: what is under way in the threads ends before the pipeline is let go.
            for lane in (self._lanes.understanding, self._lanes.taking_in):
                await asyncio.shield(self._in_thread(_nothing, lane))
            with contextlib.suppress(Exception):  # told already, or of no interest any more
                await self._taken_in()
            self._under_way = None
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
            if _told_to_end():
                raise asyncio.CancelledError
            messages = await source.fetch(settings.batch_messages, _FETCH_WAIT_S)
            fetched_at = loop.time()
            if messages:
                await self._hand_over(pipeline, messages)
                since_checkpoint += len(messages)
                if len(messages) < settings.batch_messages:
                    await asyncio.sleep(_GATHER_S - (loop.time() - fetched_at))
            else:
                await self._taken_in()
            if not self.ready.is_set():
                self.ready.set()
                # Compiled now rather than when the first samples wait for it.
                await self._in_thread(warm_up)
            if loop.time() >= silence_at:
                await self._taken_in()
                await self._in_thread(pipeline.look_for_silence)
                silence_at = loop.time() + settings.silence_tick_s
            if not messages:
                await self._in_thread(partial(self._on_idle, source, pipeline))
            now = loop.time()
            many = since_checkpoint >= _CHECKPOINT_MESSAGES and now >= not_before
            if now >= checkpoint_at or many:
                # What is understood already would be missing where this memory is taken up again.
                await self._taken_in()
                await source.acknowledge(await self._in_thread(pipeline.checkpoint))
                not_before = loop.time() + _PAUSES * (loop.time() - now)
                # All partitions of a worker at once: then the store brings all to disk at once.
                every_s = settings.checkpoint_interval_s
                checkpoint_at = max((loop.time() // every_s + 1) * every_s, not_before)
                with contextlib.suppress(BrokerUnavailable):
                    LAG.labels(self._name).set(await source.lag())
                since_checkpoint = 0

    async def _hand_over(self, pipeline: Pipeline, messages: Sequence[Message]) -> None:
        """Understand a batch while the one before is taken in; returns as this one begins to be."""
        async with self._turn:
            understand = partial(pipeline.understand, messages)
            understood = await self._in_thread(understand, self._lanes.understanding)
            await self._taken_in()
            take_in = partial(pipeline.take_in, understood)
            self._under_way = asyncio.ensure_future(self._in_thread(take_in))

    async def _taken_in(self) -> None:
        """Once nothing is between the lanes; raises what the batch under way failed with."""
        if self._under_way is not None:
            await asyncio.shield(self._under_way)
            self._under_way = None

    async def _in_thread(self, work: Callable[[], T], lane: ThreadPoolExecutor | None = None) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(lane or self._lanes.taking_in, work)

    def close(self) -> None:
        if self._own_lanes:
            self._lanes.close()


def _nothing() -> None:
    """Done once everything before it in its lane is."""


def _told_to_end() -> bool:
    """Before Python 3.12 `asyncio.wait_for` swallows a cancellation that meets the end of its wait, and every
    question to the broker is one (CPython issue 86296): the request still counts.
    """
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0

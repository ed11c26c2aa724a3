"""A partition of the devices on this worker: its own pipeline, checkpoint and reader, under a lease."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial

from server.app.consuming import Consumer, Lanes
from server.app.lifetimes import cancelled
from server.app.standing import Standing
from server.broker.cluster import ClusterBroker
from server.broker.partitions import Partition
from server.broker.stream import DeviceStream
from server.detection import repository as checkpoints
from server.detection.share import Share
from server.ingest.jetstream import JetStreamSource
from server.ingest.source import Source
from server.kit.leases import Held, LeaseLost, prove
from server.pipeline import Pipeline, PipelineParts

log = logging.getLogger(__name__)

_PASS_OVER_EVERY_S = 30.0


class PartitionWork:
    """Starts partitions; they take turns in the same two threads."""

    def __init__(self, parts: PipelineParts, broker: ClusterBroker, lanes: Lanes) -> None:
        self._parts = parts
        self._broker = broker
        self._lanes = lanes

    @asynccontextmanager
    async def start(self, held: Held, partition: Partition) -> AsyncIterator[None]:
        """From its last checkpoint on, whoever saved that."""
        share = Share(partition.name, partition.holds, partial(prove, held=held))
        consumer = Consumer(
            lambda after: JetStreamSource(
                self._broker.client, self._broker.stream, start_after=after, partition=partition
            ),
            partial(Pipeline, parts=self._parts, share=share),
            self._parts.settings,
            lanes=self._lanes,
            name=partition.name,
            on_idle=_Idle(),
        )
        running = asyncio.create_task(_until_lost(consumer))
        try:
            yield
        finally:
            await cancelled(running)


async def _until_lost(consumer: Consumer) -> None:
    try:
        await consumer.run()
    except LeaseLost as error:
        log.warning("%s: what was not yet written is its new holder's to do", error.message)


class _Idle:
    """Moves a quiet partition's checkpoint on, so that it does not hold up what all must have seen."""

    def __init__(self) -> None:
        self._last_s = time.monotonic()

    def __call__(self, source: Source, pipeline: Pipeline) -> None:
        if time.monotonic() - self._last_s < _PASS_OVER_EVERY_S:
            return
        self._last_s = time.monotonic()
        if isinstance(source, JetStreamSource):
            pipeline.pass_over(source.passed)


async def trim_shared(
    standing: Standing, stream: DeviceStream, partitions: Sequence[Partition]
) -> None:
    """Drop old messages, whosesoever, up to the least of all partitions' checkpoints."""
    state = await stream.state()
    positions = await asyncio.to_thread(_positions, standing)
    seen = [positions.get((p.name, f"{state.identity} {p.name}"), 0) for p in partitions]
    if min(seen) > 0:
        now_s = standing.clock.now().timestamp()
        await stream.trim(min(seen), now_s=now_s)


def _positions(standing: Standing) -> dict[tuple[str, str], int]:
    with standing.records.reading() as session:
        return checkpoints.positions(session)

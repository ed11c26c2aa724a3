"""`forewarn serve pipeline`: a worker that takes its share of the devices, and of what the clock starts.

All workers are alike. Each holds leases on partitions of the devices, and one each holds those on the
reactions and the timers; a worker that is gone is replaced by the others within some seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from server.app.announcing import Announcer
from server.app.broker_bridge import BrokerBridge
from server.app.consuming import Lanes
from server.app.dispatching import DispatchThread
from server.app.garbage import settle
from server.app.health import health_router
from server.app.lifetimes import cancelled, run_within, serve_web
from server.app.listening import bind, url_of
from server.app.partition_work import PartitionWork, trim_shared
from server.app.schedule import schedule
from server.app.sharing import Share
from server.app.standing import OnReady, Standing, open_standing
from server.app.timers import Timer, run_timers
from server.broker.cluster import ClusterBroker
from server.broker.partitions import Partition
from server.command.handlers import CommandHandlers
from server.device.credentials import DeviceAuthenticator
from server.device.temporary import TemporarySecrets
from server.kit.dispatch import Dispatcher
from server.kit.leases import Held, Leases
from server.kit.settings import Settings
from server.pipeline import PipelineParts
from server.reactions import reactions

log = logging.getLogger(__name__)

REACTIONS, TIMERS = "reactions", "timers"
_TRIM_EVERY_S = 60.0


async def serve_pipeline_role(
    settings: Settings, *, stop: asyncio.Event, on_ready: OnReady | None = None
) -> None:
    """Until `stop` is set; what was held is given back then. Raises CannotStart leaves."""
    async with contextlib.AsyncExitStack() as stack:
        listener = stack.enter_context(bind(settings.host, settings.http_port))
        standing = open_standing(stack.enter_context(contextlib.ExitStack()), settings)
        authenticator = DeviceAuthenticator(
            standing.records,
            temporary=TemporarySecrets.of(settings.data_dir),
            clock=standing.clock,
        )
        broker = await stack.enter_async_context(ClusterBroker(standing.cluster, authenticator))
        worker = Worker(standing, broker)
        await worker.listen()
        stack.callback(worker.close)
        run_within(stack, worker.share.run())
        app = FastAPI(openapi_url=None)
        app.include_router(
            health_router(lambda: broker.connected and worker.share.renewed.is_set())
        )
        serve_web(stack, app, listener)
        log.info("worker %s, health on %s", worker.name, url_of(listener))
        settle()
        if on_ready is not None and (waiting := on_ready(url_of(listener))) is not None:
            await waiting
        await stop.wait()
        log.info("stopping")


class Worker:
    """What this process can do, piece by piece; `share` decides what it does."""

    def __init__(self, standing: Standing, broker: ClusterBroker) -> None:
        settings, clock = standing.settings, standing.clock
        loop = asyncio.get_running_loop()
        self.name = f"{socket.gethostname()[:60]}-{os.getpid()}-{secrets.token_hex(4)}"
        self._standing = standing
        self._broker = broker
        self._announcer = Announcer(broker.client, loop)
        bridge = BrokerBridge(broker, loop)
        self._commands = CommandHandlers(bridge, clock)
        self._dispatcher = Dispatcher(
            standing.records, reactions(self._commands, bridge, clock, settings), clock
        )
        self._dispatcher.on_handled = self._announcer.tell
        self._dispatching: DispatchThread | None = None
        # The same for all partitions: a store takes samples from one thread, and Python runs one anyway.
        self._lanes = Lanes()
        self._partitions = {
            f"partition {p.name}": p
            for p in (
                Partition(n, settings.partitions, standing.cluster.foreign_roots)
                for n in range(settings.partitions)
            )
        }
        parts = PipelineParts(
            standing.telemetry,
            standing.records,
            clock,
            settings,
            self._announcer.wake,
            standing.topics,
            bridge.ask,
        )
        self._partition_work = PartitionWork(parts, broker, self._lanes)
        names = [REACTIONS, TIMERS, *self._partitions]
        leases = Leases(standing.records, self.name, names, ttl_s=settings.lease_s, clock=clock)
        self.share = Share(leases, self._start)

    async def listen(self) -> None:
        await self._announcer.on_wake(self._wake)

    def close(self) -> None:
        self._lanes.close()

    def _start(self, held: Held) -> contextlib.AbstractAsyncContextManager[None]:
        if held.name == REACTIONS:
            return self._react()
        if held.name == TIMERS:
            return self._keep_time()
        return self._partition_work.start(held, self._partitions[held.name])

    def _wake(self) -> None:
        if self._dispatching is not None:
            self._dispatching.wake()

    @asynccontextmanager
    async def _react(self) -> AsyncIterator[None]:
        dispatching = self._dispatching = DispatchThread(self._dispatcher)
        dispatching.start()
        dispatching.wake()
        try:
            yield
        finally:
            self._dispatching = None
            await asyncio.to_thread(dispatching.stop)

    @asynccontextmanager
    async def _keep_time(self) -> AsyncIterator[None]:
        standing = self._standing
        table = schedule(
            standing.records,
            standing.telemetry,
            self._commands,
            standing.clock,
            standing.settings,
            self._announcer.wake,
        )
        trim = Timer("dropping messages that all have seen", _TRIM_EVERY_S, self._trim)
        running = asyncio.create_task(run_timers([*table, trim]))
        try:
            yield
        finally:
            await cancelled(running)

    async def _trim(self) -> None:
        partitions = list(self._partitions.values())
        await trim_shared(self._standing, self._broker.stream, partitions)

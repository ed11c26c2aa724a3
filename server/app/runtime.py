"""Starts every part of `forewarn up` in order, keeps them running, stops them in the reverse order."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from server.app.broker_bridge import BrokerBridge
from server.app.consuming import Consumer
from server.app.control import answering
from server.app.dispatching import DispatchThread
from server.app.garbage import settle
from server.app.keeping import Keeping
from server.app.lifetimes import first_of, run_within, serve_web
from server.app.listening import bind, url_of
from server.app.messaging import Messaging, start_messaging
from server.app.schedule import schedule
from server.app.timers import Timer, run_timers
from server.app.waiting import WAITING_FILE, work_off
from server.app.web import WebParts, create_app
from server.command.handlers import CommandHandlers
from server.device.credentials import DeviceAuthenticator
from server.device.temporary import TemporarySecrets
from server.kit.clock import Clock, SystemClock
from server.kit.data_directory import DataDirectory
from server.kit.database import Database
from server.kit.dispatch import Dispatcher
from server.kit.settings import Settings
from server.migrations import upgrade
from server.pages.live import Broadcast
from server.pipeline import Pipeline, PipelineParts
from server.reactions import reactions
from server.telemetry.opening import open_store
from server.telemetry.store import TelemetryStore

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """Where a running server is reached."""

    http_url: str
    mqtt_url: str


OnReady = Callable[[ServerAddress], Awaitable[None] | None]


@dataclass(frozen=True, slots=True)
class _Core:
    """What web, pipeline and timers share; started in this order, stopped in the reverse."""

    settings: Settings
    clock: Clock
    records: Database
    telemetry: TelemetryStore
    messaging: Messaging
    bridge: BrokerBridge
    commands: CommandHandlers
    dispatching: DispatchThread
    live: Broadcast


async def serve(
    settings: Settings, *, stop: asyncio.Event, on_ready: OnReady | None = None
) -> None:
    """Everything in one process, plus the broker as its child, until `stop` is set.

    Raises CannotStart leaves (port in use, data directory in use or not writable, no broker program).
    """
    data = DataDirectory(settings.data_dir)
    data.prepare()
    async with contextlib.AsyncExitStack() as stack:
        stack.enter_context(data.lock())
        listener = stack.enter_context(bind(settings.host, settings.http_port))
        core = await _start_core(stack, settings, data)
        make = partial(Pipeline, parts=_pipeline_parts(core))
        await asyncio.to_thread(work_off, data.root / WAITING_FILE, make)
        consumer = Consumer(core.messaging.open_source, make, settings)
        stack.push_async_callback(asyncio.to_thread, consumer.close)
        app = create_app(_web_parts(core, consumer))
        for work in (consumer.run(), run_timers(_timers(core))):
            run_within(stack, work)
        serve_web(stack, app, listener, core.live)
        await first_of(consumer.ready, stop)
        if stop.is_set():
            return
        address = ServerAddress(url_of(listener), core.messaging.url)
        stack.enter_context(_address_file(data.root, address))
        keeping = Keeping(data, core.records, core.telemetry, consumer, core.clock, settings)
        await stack.enter_async_context(answering(data.root, keeping.handlers()))
        log.info("ready on %s and %s", address.http_url, address.mqtt_url)
        settle()
        if on_ready is not None and (waiting := on_ready(address)) is not None:
            await waiting
        await stop.wait()
        log.info("stopping")


async def _start_core(
    stack: contextlib.AsyncExitStack, settings: Settings, data: DataDirectory
) -> _Core:
    clock, loop = SystemClock(), asyncio.get_running_loop()
    records = _records(settings, data)
    stack.callback(records.close)
    telemetry = open_store(settings, data.telemetry_file)
    stack.callback(telemetry.close)
    temporary = TemporarySecrets.of(data.root)
    authenticator = DeviceAuthenticator(records, temporary=temporary, clock=clock)
    messaging = await start_messaging(stack, settings, data, authenticator)
    bridge = BrokerBridge(messaging.broker, loop)
    commands = CommandHandlers(bridge, clock)
    live = Broadcast(loop)
    dispatcher = Dispatcher(records, reactions(commands, bridge, clock, settings), clock)
    dispatcher.on_handled = live.tell
    dispatching = DispatchThread(dispatcher)
    dispatching.start()
    stack.push_async_callback(asyncio.to_thread, dispatching.stop)
    return _Core(
        settings, clock, records, telemetry, messaging, bridge, commands, dispatching, live
    )


def _pipeline_parts(core: _Core) -> PipelineParts:
    return PipelineParts(
        store=core.telemetry,
        records=core.records,
        clock=core.clock,
        settings=core.settings,
        after_commit=core.dispatching.wake,
        topics=core.messaging.topics,
        ask=core.bridge.ask,
    )


def _web_parts(core: _Core, consumer: Consumer) -> WebParts:
    return WebParts(
        records=core.records,
        telemetry=core.telemetry,
        clock=core.clock,
        settings=core.settings,
        after_commit=core.dispatching.wake,
        live=core.live,
        is_ready=lambda: core.messaging.is_ready() and consumer.ready.is_set(),
    )


def _timers(core: _Core) -> list[Timer]:
    return schedule(
        core.records,
        core.telemetry,
        core.commands,
        core.clock,
        core.settings,
        core.dispatching.wake,
    )


def _records(settings: Settings, data: DataDirectory) -> Database:
    url = settings.database_url
    records = Database(url) if url else Database.at(data.records_file)
    upgrade(records)
    return records


@contextlib.contextmanager
def _address_file(root: Path, address: ServerAddress) -> Iterator[None]:
    """Tells the other commands where this server is, for as long as it runs."""
    file = root / "server.json"
    text = json.dumps({"http": address.http_url, "mqtt": address.mqtt_url, "pid": os.getpid()})
    file.write_text(text + "\n")
    try:
        yield
    finally:
        file.unlink(missing_ok=True)

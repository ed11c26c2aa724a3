"""The demo from curtain to curtain: the server, then its companions, then the way back."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Final

from field_service.verdict import FAULT_ON_DEVICE
from server.app import ServerAddress, serve
from server.demo.cast import Cast
from server.demo.companions import Fleet, HostAgent
from server.demo.plan import Loaded, Plan, Repair
from server.job import repository as jobs
from server.kit.clock import Clock
from server.kit.database import Database
from server.kit.settings import Settings

log = logging.getLogger(__name__)

CAST_FILE: Final = "demo.json"
_PROGRESS_FILE: Final = "demo-fleet.json"
_AGENT_DIR: Final = "demo-agent"
_LOOK_EVERY_S: Final = 5.0

OnReady = Callable[[ServerAddress], None]
OnLoaded = Callable[[Loaded | None], None]


async def run_demo(
    settings: Settings,
    cast: Cast,
    records: Database,
    clock: Clock,
    stop: asyncio.Event,
    *,
    on_ready: OnReady,
    on_loaded: OnLoaded,
) -> None:
    """Serve and play until `stop`. `cast` is settled; `on_loaded` is told when the history is in."""
    server_stop = asyncio.Event()
    started: list[asyncio.Task[None]] = []

    def ready(address: ServerAddress) -> None:
        on_ready(address)
        started.append(
            asyncio.create_task(_play(settings, cast, records, clock, address, on_loaded))
        )

    serving = asyncio.create_task(serve(settings, stop=server_stop, on_ready=ready))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    # The devices leave first: they say goodbye to a broker that is still there.
    for task in started:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    server_stop.set()
    await serving


async def _play(
    settings: Settings,
    cast: Cast,
    records: Database,
    clock: Clock,
    address: ServerAddress,
    on_loaded: OnLoaded,
) -> None:
    """Runs until cancelled, then sends the companions home."""
    root = settings.data_dir
    now_s = float(int(clock.now().timestamp()))
    if cast.began_s is None:
        cast.began_s = now_s
    else:
        cast.returned_s.append(now_s)
    cast.save(root / CAST_FILE)
    plan = Plan(
        mqtt=address.mqtt_url,
        seed=cast.seed,
        began_s=cast.began_s,
        progress_file=str(root / _PROGRESS_FILE),
        passwords=cast.secrets,
        repairs=cast.repairs,
        returned_s=cast.returned_s,
    )
    async with contextlib.AsyncExitStack() as stack:
        agent = await HostAgent.start(root / _AGENT_DIR, address.mqtt_url, cast)
        stack.push_async_callback(agent.stop)
        fleet = await Fleet.start(plan)
        stack.push_async_callback(fleet.stop)
        on_loaded(await fleet.loaded())
        watched: dict[str, Fleet | HostAgent] = {"fleet": fleet, "agent on this computer": agent}
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            for name in [name for name, process in watched.items() if process.ended]:
                del watched[name]
                log.error("the %s has ended (see %s for the agent)", name, root / _AGENT_DIR)
            for repair in await asyncio.to_thread(_repaired, records, cast, root):
                log.info("%s was repaired", repair.device_id)
                await fleet.tell(repair)


def _repaired(records: Database, cast: Cast, root: Path) -> list[Repair]:
    """Visits that ended with a repair since we last looked: the machine's fault ends with them."""
    fresh: dict[str, float] = {}
    with records.reading() as session:
        for job in jobs.jobs(session, limit=200):
            if job.finished_at is None or job.verdict not in FAULT_ON_DEVICE:
                continue
            at_s = job.finished_at.timestamp()
            if at_s > cast.repairs.get(job.device_id, 0.0):
                fresh[job.device_id] = max(at_s, fresh.get(job.device_id, 0.0))
    if fresh:
        cast.repairs.update(fresh)
        cast.save(root / CAST_FILE)
    return [Repair(device_id, at_s) for device_id, at_s in fresh.items()]

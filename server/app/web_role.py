"""`forewarn serve web`: pages and API, as many of them as wanted, behind any load balancer.

Sessions lie in the records. What happens anywhere is announced over the broker, so that every replica's
open pages hear of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging

from server.app.announcing import Announcer
from server.app.lifetimes import serve_web
from server.app.listening import bind, url_of
from server.app.standing import OnReady, open_standing
from server.app.web import WebParts, create_app
from server.broker.cluster import ClusterBroker
from server.kit.settings import Settings
from server.pages.live import Broadcast

log = logging.getLogger(__name__)


async def serve_web_role(
    settings: Settings, *, stop: asyncio.Event, on_ready: OnReady | None = None
) -> None:
    """Until `stop` is set. Raises CannotStart leaves."""
    loop = asyncio.get_running_loop()
    async with contextlib.AsyncExitStack() as stack:
        listener = stack.enter_context(bind(settings.host, settings.http_port))
        standing = open_standing(stack.enter_context(contextlib.ExitStack()), settings)
        live = Broadcast(loop)
        broker = await stack.enter_async_context(
            ClusterBroker(standing.cluster, on_reconnect=live.tell_all)
        )
        announcer = Announcer(broker.client, loop)
        await announcer.on_event(live.tell)
        app = create_app(
            WebParts(
                records=standing.records,
                telemetry=standing.telemetry,
                clock=standing.clock,
                settings=settings,
                after_commit=announcer.wake,
                live=live,
                is_ready=lambda: broker.connected and standing.records_answer(),
            )
        )
        serve_web(stack, app, listener, live)
        log.info("pages on %s", url_of(listener))
        if on_ready is not None and (waiting := on_ready(url_of(listener))) is not None:
            await waiting
        await stop.wait()
        log.info("stopping")

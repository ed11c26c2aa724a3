"""`/live`: tells open pages that something changed, never what; they fetch it again with their own rights.

`text/event-stream` of `{"topic": "ticket", "id": "17"}`. Events come from the dispatcher's thread after
their handlers have run. A slow reader loses changes, not the server's memory: it is told to look at
everything again.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from typing import cast

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import StreamingResponse

from server.account.dependencies import CurrentViewer
from server.account.viewer import Viewer
from server.device.model import Device
from server.kit.events import Event
from server.kit.web import Context, WebContext
from server.ticket.model import Ticket

router = APIRouter(include_in_schema=False)

QUEUE_LENGTH = 100
HEARTBEAT_S = 20.0
"""A comment now and then, so that proxies and phones keep the line."""

_TOPICS = {"ticket_id": "ticket", "incident_id": "incident", "job_id": "job", "device_id": "device"}


@dataclass(frozen=True, slots=True)
class Change:
    """What an event touched; `device_id` and `ticket_id` decide who may hear of it."""

    topics: tuple[tuple[str, str], ...]
    device_id: str | None = None
    ticket_id: int | None = None

    @classmethod
    def of(cls, event: Event) -> Change:
        fields = asdict(event)
        topics = tuple(
            (topic, str(fields[name]))
            for name, topic in _TOPICS.items()
            if fields.get(name) is not None
        )
        return cls(topics, fields.get("device_id"), fields.get("ticket_id"))


_EVERYTHING = Change(topics=(("reconnected", ""),))


class Broadcast:
    """One per web process, at `app.state.live`; `tell` may be called from any thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._lock = threading.Lock()
        self._queues: set[asyncio.Queue[Change | None]] = set()
        self._closed = False

    def tell(self, event: Event) -> None:
        """Pass on that `event` happened; without subscribers it costs nothing."""
        with self._lock:
            if self._closed or not self._queues:
                return
        change = Change.of(event)
        if change.topics:
            self._loop.call_soon_threadsafe(self._spread, change)

    def tell_all(self) -> None:
        """Something may have been missed: every page looks at everything again."""
        self._loop.call_soon_threadsafe(self._spread, _EVERYTHING)

    def close(self) -> None:
        """End all streams, so that the server can stop."""
        with self._lock:
            self._closed = True
        self._loop.call_soon_threadsafe(self._spread, None)

    def subscribe(self) -> asyncio.Queue[Change | None]:
        """Changes from now on; None is the end. Give it back by `unsubscribe`."""
        queue: asyncio.Queue[Change | None] = asyncio.Queue(QUEUE_LENGTH)
        with self._lock:
            self._queues.add(queue)
            if self._closed:
                queue.put_nowait(None)
        return queue

    def unsubscribe(self, queue: asyncio.Queue[Change | None]) -> None:
        with self._lock:
            self._queues.discard(queue)

    def _spread(self, change: Change | None) -> None:
        with self._lock:
            queues = list(self._queues)
        for queue in queues:
            if queue.full() or change is None:
                while not queue.empty():
                    queue.get_nowait()
                queue.put_nowait(None if change is None else _EVERYTHING)
            else:
                queue.put_nowait(change)


@router.get("/live")
async def live(request: Request, web: Context, viewer: CurrentViewer) -> StreamingResponse:
    broadcast = cast("Broadcast", request.app.state.live)
    return StreamingResponse(
        _stream(broadcast, web, viewer),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _stream(broadcast: Broadcast, web: WebContext, viewer: Viewer) -> AsyncIterator[str]:
    queue = broadcast.subscribe()
    try:
        yield "retry: 3000\n\n"
        while True:
            try:
                change = await asyncio.wait_for(queue.get(), HEARTBEAT_S)
            except TimeoutError:
                yield ": still here\n\n"
                continue
            if change is None:
                return
            if await run_in_threadpool(_may_hear, web, viewer, change):
                for topic, key in change.topics:
                    yield f"data: {json.dumps({'topic': topic, 'id': key})}\n\n"
    finally:
        broadcast.unsubscribe(queue)


def _may_hear(web: WebContext, viewer: Viewer, change: Change) -> bool:
    """An owner hears of his own devices and tickets only."""
    if viewer.sees_all_devices or change is _EVERYTHING:
        return True
    with web.database.reading() as session:
        if change.device_id is not None:
            device = session.get(Device, change.device_id)
            return device is not None and device.owner_id == viewer.user_id
        if change.ticket_id is not None:
            ticket = session.get(Ticket, change.ticket_id)
            return ticket is not None and ticket.owner_id == viewer.user_id
    return False

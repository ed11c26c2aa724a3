"""Long work that tells a page how far it is: `text/event-stream` while a thread does it.

The answer lives in the request alone, so that any of several web processes may serve it, and work that
nobody waits for any more ends at its next step.
"""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

Tell = Callable[[float, str], None]

HEARTBEAT_S = 20.0
"""A comment now and then, so that proxies keep the line."""

log = logging.getLogger(__name__)


class _NobodyWaits(Exception):
    pass


async def told_as_it_goes(
    work: Callable[[Tell], str], words: Callable[[float, str], str]
) -> AsyncIterator[str]:
    """`work` is given `tell(share, doing)` and returns HTML; `words` makes a line of what it told.

    Gives `{"share", "text"}` for each step, at the end `{"html"}`; `{"failed": true}` where it broke.
    """
    steps = _Steps(asyncio.get_running_loop())

    def run() -> None:
        try:
            html = work(
                lambda share, doing: steps.put({"share": share, "text": words(share, doing)})
            )
            steps.put({"share": 1.0, "html": html})
        except _NobodyWaits:
            pass
        except Exception:
            log.exception("long work for a page failed")
            steps.put({"failed": True})

    running = asyncio.get_running_loop().run_in_executor(None, run)
    try:
        while True:
            try:
                step = await asyncio.wait_for(steps.queue.get(), HEARTBEAT_S)
            except TimeoutError:
                yield ": still here\n\n"
                continue
            yield f"data: {json.dumps(step)}\n\n"
            if "share" not in step or "html" in step:
                break
        await running
    finally:
        steps.left.set()


class _Steps:
    """From the thread to the event loop; the other way only that nobody waits."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.left = threading.Event()

    def put(self, step: dict[str, Any]) -> None:
        if self.left.is_set() or self._loop.is_closed():
            raise _NobodyWaits
        self._loop.call_soon_threadsafe(self.queue.put_nowait, step)

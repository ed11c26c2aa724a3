"""Beginning and end of what a process runs: small things that every role shares."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Coroutine
from typing import Any

from fastapi import FastAPI

from server.app.listening import WebServer
from server.pages.live import Broadcast

log = logging.getLogger(__name__)


def run_within(stack: contextlib.AsyncExitStack, work: Coroutine[Any, Any, None]) -> None:
    """`work` runs until the stack ends."""
    stack.push_async_callback(cancelled, asyncio.create_task(work))


async def cancelled(task: asyncio.Task[None]) -> None:
    """Ends a task and waits for it; how it ended is its own business."""
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def serve_web(
    stack: contextlib.AsyncExitStack,
    app: FastAPI,
    listener: socket.socket,
    live: Broadcast | None = None,
) -> None:
    """Answers requests until the stack ends; live pages are let go first."""
    web = WebServer(app)
    serving = asyncio.create_task(web.serve(sockets=[listener]))
    stack.push_async_callback(_web_stopped, web, serving, live)


async def _web_stopped(web: WebServer, serving: asyncio.Task[None], live: Broadcast | None) -> None:
    if live is not None:
        live.close()
    web.should_exit = True
    await serving


async def first_of(*events: asyncio.Event) -> None:
    waiting = [asyncio.create_task(event.wait()) for event in events]
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()

"""Runs an async program until SIGTERM or Ctrl-C, and makes sure that it then ends."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import threading
from collections.abc import Awaitable, Callable
from typing import Final

log = logging.getLogger(__name__)

STOP_WITHIN_S: Final = 9.5
"""Supervisors (systemd, Docker) lose patience at ten."""


def run_until_stopped(program: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    """Run `program(stop)`; the first signal sets `stop`, a second one ends the process at once."""
    with contextlib.suppress(KeyboardInterrupt):
        runner().run(_with_signals(program))


def runner() -> asyncio.Runner:
    """For an event loop that is as quick as this machine has it."""
    try:
        import uvloop  # noqa: PLC0415 - faster where it exists
    except ImportError:
        return asyncio.Runner()
    return asyncio.Runner(loop_factory=uvloop.new_event_loop)


async def _with_signals(program: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def stopping() -> None:
        if stop.is_set():
            os._exit(130)
        stop.set()
        # A thread, because what hangs may be the loop itself.
        last_resort = threading.Timer(STOP_WITHIN_S, _give_up)
        last_resort.daemon = True
        last_resort.start()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping)
    await program(stop)


def _give_up() -> None:
    log.error(
        "not stopped within %s s: ended by force; nothing acknowledged is lost", STOP_WITHIN_S
    )
    os._exit(1)

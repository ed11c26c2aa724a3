"""Work that the clock starts: one table of what runs how often, each run apart from the others."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Timer:
    """`run` every `every_s` seconds, the pause counted from the end of the run before; the first
    after `first_s`, where that is sooner.
    """

    name: str
    every_s: float
    run: Callable[[], Awaitable[None]]
    first_s: float = math.inf


async def run_timers(timers: Sequence[Timer]) -> None:
    """Until cancelled. A run that fails is logged once when it starts failing and once when it is over."""
    async with asyncio.TaskGroup() as group:
        for timer in timers:
            group.create_task(_repeat(timer), name=f"timer {timer.name}")


async def _repeat(timer: Timer) -> None:
    failures, pause_s = 0, min(timer.first_s, timer.every_s)
    while True:
        await asyncio.sleep(pause_s)
        pause_s = timer.every_s
        try:
            await timer.run()
        except Exception:  # a timer outlives whatever went wrong in one run
            failures += 1
            if failures == 1:
                log.exception("%s failed; it goes on trying", timer.name)
        else:
            if failures:
                log.info("%s works again after %d failures", timer.name, failures)
            failures = 0

"""One process's share of the work: starts what it has leased, ends what it has lost or should give away."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from prometheus_client import Gauge

from server.kit.leases import Held, Leases

log = logging.getLogger(__name__)

HELD = Gauge("forewarn_leases", "Pieces of work that this process does")

Start = Callable[[Held], AbstractAsyncContextManager[None]]
"""Begins a piece of work; leaving the context ends it and waits for its last step."""

_RENEW_EVERY_S = 1.0


class Share:
    """`run` until cancelled; then everything is ended, saved and given back."""

    def __init__(self, leases: Leases, start: Start) -> None:
        self._leases = leases
        self._start = start
        self._running: dict[Held, contextlib.AsyncExitStack] = {}
        self._failing = False
        self.renewed = asyncio.Event()
        """Set while the leases can be renewed."""

    async def run(self) -> None:
        try:
            while True:
                await self._turn()
                await asyncio.sleep(_RENEW_EVERY_S)
        finally:
            await asyncio.shield(self._end())

    async def _turn(self) -> None:
        try:
            held = await asyncio.to_thread(self._leases.renew)
            surplus = await asyncio.to_thread(self._leases.surplus, held)
        except Exception as error:  # noqa: BLE001 - the records are away: work goes on, fenced, and fails by itself
            if not self._failing:
                log.warning("leases can't be renewed, trying again: %r", error)
            self._failing = True
            self.renewed.clear()
            return
        if self._failing:
            log.info("leases can be renewed again")
        self._failing = False
        lost = self._running.keys() - set(held)
        for one in lost:
            log.warning("%s was taken over by another process", one.name)
        await asyncio.gather(*map(self._stop, lost), *map(self._give_back, surplus))
        for taken in held:
            if taken not in self._running and taken not in surplus:
                await self._begin(taken)
        HELD.set(len(self._running))
        self.renewed.set()

    async def _begin(self, held: Held) -> None:
        log.info("taking %s (epoch %d)", held.name, held.epoch)
        stack = contextlib.AsyncExitStack()
        await stack.enter_async_context(self._start(held))
        self._running[held] = stack

    async def _stop(self, held: Held) -> None:
        stack = self._running.pop(held, None)
        if stack is not None:
            await stack.aclose()

    async def _give_back(self, held: Held) -> None:
        await self._stop(held)
        with contextlib.suppress(Exception):  # as above
            await asyncio.to_thread(self._leases.release, held)
            log.info("gave %s back", held.name)

    async def _end(self) -> None:
        with contextlib.suppress(Exception):  # it runs out by itself then
            await asyncio.to_thread(self._leases.leave)
        await asyncio.gather(*map(self._give_back, list(self._running)))

"""Brings the broker back after its disk was full.

nats-server stops writing to a stream at the first failed write and does not try again until it is
started anew. It acknowledges nothing meanwhile, so devices keep what they have. This watches its log
for that, waits for room, and asks for a restart.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Callable
from typing import Final

_log = logging.getLogger(__name__)

_WRITE_FAILED: Final = re.compile(
    r"critical write error|no space left on device|failed to store a msg|out of (?:disk|resources)",
    re.IGNORECASE,
)


class DiskWatch:
    """`saw` is given every line of the broker's log; `run` acts on those about failed writes."""

    def __init__(
        self,
        *,
        free_bytes: Callable[[], int],
        needed_bytes: int,
        restart: Callable[[], None],
        poll_s: float = 1.0,
        pause_s: float = 5.0,
    ) -> None:
        self._free_bytes = free_bytes
        self._needed_bytes = needed_bytes
        self._restart = restart
        self._poll_s = poll_s
        self._pause_s = pause_s
        self._failed = asyncio.Event()

    @property
    def writing(self) -> bool:
        """Whether the broker takes messages, as far as its log tells."""
        return not self._failed.is_set()

    def saw(self, line: str) -> None:
        if _WRITE_FAILED.search(line):
            self._failed.set()

    async def run(self) -> None:
        """Until cancelled. An outage is said when it begins and when it ends."""
        while True:
            await self._failed.wait()
            began_s = time.monotonic()
            _log.error(
                "the broker can't write to its disk (%d MB free): nothing is acknowledged, "
                "devices keep what they have",
                self._free_bytes() // 2**20,
            )
            while self._failed.is_set():
                while self._free_bytes() < self._needed_bytes:  # noqa: ASYNC110 - disks send no events
                    await asyncio.sleep(self._poll_s)
                self._failed.clear()
                self._restart()
                # Long enough for the broker to come up and to fail again.
                await asyncio.sleep(self._pause_s)
            _log.warning("the broker writes again after %.0f s", time.monotonic() - began_s)

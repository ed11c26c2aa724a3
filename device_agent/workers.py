"""Threads for reads that may block: one for each read on its way, a few kept for the next.

A read that hangs keeps its thread and nobody else's. All are daemons: a hanging one does not hold the
agent when it leaves.
"""

import queue
import threading
from collections.abc import Callable
from typing import Final

_KEPT_IDLE: Final = 4


class Workers:
    """``run`` never waits; jobs catch their own errors."""

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._idle = 0
        self._made = 0

    def run(self, job: Callable[[], None]) -> None:
        """Have the job done on a thread that is free now, or on a new one."""
        with self._lock:
            is_free = self._idle > 0
            if is_free:
                self._idle -= 1
            else:
                self._made += 1
        self._jobs.put(job)
        if not is_free:
            threading.Thread(target=self._work, name=f"read-{self._made}", daemon=True).start()

    def _work(self) -> None:
        while True:
            self._jobs.get()()
            with self._lock:
                if self._idle >= _KEPT_IDLE:
                    return
                self._idle += 1

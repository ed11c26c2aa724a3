"""Threads for reads that may block: two for the many that do not, and one more for each that does.

A read waits for a free thread no longer than ``patience_s``; then it gets one of its own. So a read that
hangs keeps its thread and nobody else's, and twenty quick files do not take twenty threads (a thread is
40 kB). All are daemons: a hanging one does not hold the agent when it leaves.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final

_KEPT: Final = 2
_PATIENCE_S: Final = 0.05


class Workers:
    """``run`` never waits; jobs catch their own errors."""

    def __init__(self, *, patience_s: float = _PATIENCE_S) -> None:
        self._patience_s = patience_s
        self._jobs: deque[tuple[float, Callable[[], None]]] = deque()
        self._lock = threading.Lock()
        self._has_job = threading.Condition(self._lock)
        self._has_queue = threading.Condition(self._lock)
        self._idle = 0
        self._alive = 0
        self._made = 0
        self._is_watched = False

    def run(self, job: Callable[[], None]) -> None:
        """Have the job done on a thread that is free now or soon, or else on a new one."""
        with self._lock:
            self._jobs.append((time.monotonic(), job))
            if len(self._jobs) <= self._idle:
                self._has_job.notify()
            elif self._alive < _KEPT:
                self._add()
            elif self._is_watched:
                self._has_queue.notify()
            else:
                self._is_watched = True
                threading.Thread(target=self._watch, name="read-watch", daemon=True).start()

    def _add(self) -> None:
        self._alive += 1
        self._made += 1
        threading.Thread(target=self._work, name=f"read-{self._made}", daemon=True).start()

    def _work(self) -> None:
        while True:
            with self._lock:
                while not self._jobs:
                    if self._idle >= _KEPT:
                        self._alive -= 1
                        return
                    self._idle += 1
                    self._has_job.wait()
                    self._idle -= 1
                _, job = self._jobs.popleft()
            job()

    def _watch(self) -> None:
        """Give every job that has waited long enough a thread of its own."""
        while True:
            with self._lock:
                while not self._jobs:
                    self._has_queue.wait()
                left_s = self._jobs[0][0] + self._patience_s - time.monotonic()
                if left_s <= 0.0:
                    border_s = time.monotonic() - self._patience_s
                    for since_s, _ in self._jobs:
                        if since_s <= border_s:
                            self._add()
                    # The new threads need a moment to take what they were made for.
                    left_s = self._patience_s
            time.sleep(left_s)

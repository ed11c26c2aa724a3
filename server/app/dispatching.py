"""A thread that drains the outbox whenever something was committed, and now and then for the retries."""

from __future__ import annotations

import logging
import threading

from server.kit.dispatch import Dispatcher

log = logging.getLogger(__name__)

_RETRY_CHECK_S = 2.0
_STOP_TIMEOUT_S = 5.0


class DispatchThread:
    """`wake` after a commit from any thread; `stop` finishes the event under way."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher
        self._woken = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="dispatch", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        self._woken.set()

    def stop(self) -> None:
        self._stopping = True
        self._woken.set()
        self._thread.join(_STOP_TIMEOUT_S)

    def _run(self) -> None:
        while not self._stopping:
            self._woken.wait(_RETRY_CHECK_S)
            self._woken.clear()
            try:
                self._dispatcher.drain()
            except Exception:  # e.g. the records database is locked: tried again at the next wake
                log.exception("events could not be dispatched")

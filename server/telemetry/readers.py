"""Who reads a store at the moment, so that it is not closed under them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from server.telemetry.errors import StoreUnavailable

WAIT_S: Final = 5.0
"""So long closing waits for readers under way; what takes longer than that reads on by itself."""


class Readers:
    """Any number at once, until `close`; raises StoreUnavailable to who comes later."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._inside = 0
        self._closed = False

    @contextmanager
    def one(self) -> Iterator[None]:
        with self._changed:
            if self._closed:
                raise StoreUnavailable("the telemetry is closed: the server is ending")
            self._inside += 1
        try:
            yield
        finally:
            with self._changed:
                self._inside -= 1
                self._changed.notify_all()

    def close(self, wait_s: float = WAIT_S) -> bool:
        """Nobody comes in any more; whether all have left within `wait_s`."""
        with self._changed:
            self._closed = True
            return self._changed.wait_for(lambda: self._inside == 0, wait_s)

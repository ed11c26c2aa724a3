"""Notices that this machine's clock was set, and says so; what deletes by the clock asks whether to believe it.

A clock that is set a year ahead by mistake must not make everything old: what forgets waits until such a
step has stood for a day. Nothing else waits, since nothing else can't be undone.
"""

from __future__ import annotations

import logging
import threading
from typing import Final

from server.kit.clock import Clock

log = logging.getLogger(__name__)

SAID_FROM_S: Final = 5.0
BELIEVED_AT_ONCE_S: Final = 12 * 3600.0
BELIEVED_AFTER_S: Final = 86_400.0


class ClockWatch:
    """One per process; any thread may ask."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._ahead_s = self._difference_s()
        self._doubted_since_s: float | None = None

    def look(self) -> None:
        """Compare with the time that really passed; called often, so that steps do not add up unseen."""
        with self._lock:
            before_s, self._ahead_s = self._ahead_s, self._difference_s()
            step_s = self._ahead_s - before_s
            if abs(step_s) >= SAID_FROM_S:
                way = "forward" if step_s > 0 else "back"
                log.warning("this machine's clock was set %s by %.0f s", way, abs(step_s))
            if step_s > BELIEVED_AT_ONCE_S:
                self._doubted_since_s = self._clock.steady_s()
                log.warning("nothing is forgotten by that clock until it has stood for a day")
            elif step_s < -BELIEVED_AT_ONCE_S:
                self._doubted_since_s = None  # set right again

    def believed(self) -> bool:
        """May what is old by this clock be deleted?"""
        self.look()
        since_s = self._doubted_since_s
        return since_s is None or self._clock.steady_s() - since_s >= BELIEVED_AFTER_S

    def _difference_s(self) -> float:
        return self._clock.now().timestamp() - self._clock.steady_s()

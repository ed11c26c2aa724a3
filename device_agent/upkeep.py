"""What the agent does besides sensing: it tells systemd that it is alive, and lets old messages go."""

from collections.abc import Callable
from typing import Final

from device_agent import log
from device_agent.errors import SpoolError
from device_agent.spool import Spool

_ALIVE_EVERY_S: Final = 10.0
_EXPIRE_EVERY_S: Final = 3600.0
_STEADY_S: Final = 600.0


class Upkeep:
    """Call ``turn`` from the loop that is to be watched."""

    def __init__(
        self,
        spool: Spool,
        keep_days: float,
        *,
        tell: Callable[[str], object],
        now: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        self._spool = spool
        self._keep_days = keep_days
        self._tell = tell
        self._now = now
        self._monotonic = monotonic
        self._told_s = -_ALIVE_EVERY_S
        self._expired_s = monotonic()
        self._offset_s = now() - monotonic()

    def turn(self) -> None:
        """Do what is due."""
        at_s = self._monotonic()
        if at_s - self._told_s >= _ALIVE_EVERY_S:
            self._told_s = at_s
            self._tell("WATCHDOG=1")
        if at_s - self._expired_s >= _EXPIRE_EVERY_S:
            self._expired_s = at_s
            self._expire()

    def _expire(self) -> None:
        """Drop what is too old, unless the clock jumped lately: then nobody knows how old it is."""
        offset_s = self._now() - self._monotonic()
        jumped_s, self._offset_s = abs(offset_s - self._offset_s), offset_s
        if jumped_s > _STEADY_S:
            log.warning("the clock jumped: nothing is dropped for its age", by_s=round(jumped_s))
            return
        try:
            self._spool.expire(self._now(), self._keep_days)
        except SpoolError as error:
            log.warning("old messages could not be dropped", reason=error)

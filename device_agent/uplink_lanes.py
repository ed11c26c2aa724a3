"""In which order the spool goes out on one link: the backlog is what waited when the link came up.

Events and results go first: they are few, and somebody may be waiting for an answer. Telemetry goes in
the order in which it was taken, as long as the backlog is through within ``in_order_within_s``: the
server's detectors pass over what is older than what they have seen, so live readings sent first would
blind them to the outage. A longer backlog (a slow link, a low rate) goes beside live readings, so that
people do not watch yesterday for hours. Either way the backlog keeps to its rate.
"""

from collections.abc import Callable
from typing import Final

from device_agent.spool import Entry, Spool

_BURST_S: Final = 1.0


class Lanes:
    """Where each lane stands on the present link; raises SpoolError where the spool does."""

    def __init__(
        self,
        spool: Spool,
        *,
        backlog_per_s: float,
        in_order_within_s: float,
        monotonic: Callable[[], float],
    ) -> None:
        self._spool = spool
        self._per_s = backlog_per_s
        self._in_order_within_s = in_order_within_s
        self._monotonic = monotonic
        self._urgent = self._backlog = self._live = self._mark = 0
        self._is_behind = False
        self._live_waits = False
        self._tokens = 0.0
        self._filled_s = 0.0

    def begin(self) -> float:
        """Start anew on a new link; give the seconds that the backlog will take."""
        self._mark = self._live = self._spool.newest_id()
        self._urgent = self._backlog = 0
        backlog_s = self._spool.count("telemetry") / self._per_s
        self._is_behind = backlog_s > 0
        self._live_waits = backlog_s <= self._in_order_within_s
        self._tokens = max(1.0, self._per_s * _BURST_S)
        self._filled_s = self._monotonic()
        return backlog_s

    def take(self, room: int) -> list[Entry]:
        """Give up to ``room`` entries to send now."""
        taken = self._spool.after(self._urgent, room, "urgent")
        self._urgent = taken[-1].id if taken else self._urgent
        if not self._live_waits:
            taken += self._take_live(room - len(taken))
        if self._is_behind:
            taken += self._take_backlog(room - len(taken))
        if self._live_waits and self._is_caught_up():
            taken += self._take_live(room - len(taken))
        return taken

    def wait_s(self) -> float:
        """Give the seconds until the rate allows more; infinite while it holds nothing up."""
        if not self._is_behind:
            return float("inf")
        self._fill()
        return max(0.0, (1.0 - self._tokens) / self._per_s)

    def is_empty(self) -> bool:
        """Tell whether all that is in the spool has been given."""
        return not self._spool.after(self._urgent, 1, "urgent") and not self._spool.after(
            self._backlog if self._is_behind else self._live, 1, "telemetry"
        )

    def _is_caught_up(self) -> bool:
        return not self._is_behind

    def _take_live(self, room: int) -> list[Entry]:
        live = self._spool.after(self._live, room, "telemetry") if room > 0 else []
        self._live = live[-1].id if live else self._live
        return live

    def _take_backlog(self, room: int) -> list[Entry]:
        self._fill()
        room = min(room, int(self._tokens))
        if room <= 0:
            return []
        found = self._spool.after(self._backlog, room, "telemetry")
        late = [entry for entry in found if entry.id <= self._mark]
        self._is_behind = len(late) == room
        self._backlog = late[-1].id if late else self._backlog
        self._tokens -= len(late)
        return late

    def _fill(self) -> None:
        now_s = self._monotonic()
        most = max(1.0, self._per_s * _BURST_S)
        self._tokens = min(most, self._tokens + (now_s - self._filled_s) * self._per_s)
        self._filled_s = now_s

"""When the DuckDB file is rolled up, sorted and thinned out; how stands in `rolling`."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from server.telemetry.forgetting import Forgotten
from server.telemetry.retention import DAY_S, Retention
from server.telemetry.rolling import Roller
from server.telemetry.segments import TOP, Segment

_ROLL_EVERY_S: Final = (0, 3600, 86_400)
"""Each level into the next: what waits is read along with every query, so the levels take turns."""

_LATE_US: Final = 3_600_000_000
"""A segment is over when its time has been for so long: most of what comes late has come."""


class Upkeep:
    """One run at a time, in whichever thread.

    writing : held by whoever commits rows to the segments in `open_segments`
    """

    def __init__(
        self,
        connection: Any,
        retention: Retention,
        forgotten: Forgotten,
        *,
        writing: threading.Lock,
        open_segments: dict[tuple[int, int, int], Segment],
        new_id: Callable[[], int],
        full_rows: int,
    ) -> None:
        self._roller = Roller(connection, new_id, full_rows)
        self._retention = retention
        self._forgotten = forgotten
        self._writing = writing
        self._open = open_segments
        self._running = threading.Lock()
        self._rolled_s = [float("-inf")] * TOP

    def run(self, now_s: float, *, series: int) -> None:
        """What is due at `now_s`, Unix seconds; `series` is how many there are."""
        with self._running:
            for level, every_s in enumerate(_ROLL_EVERY_S):
                # Before it: the clock was set back since.
                if not 0 <= now_s - self._rolled_s[level] < every_s:
                    self._roller.roll(level)
                    self._rolled_s[level] = now_s
            self._roller.shorten_newest(series)
            for segment in self._roller.full(round(now_s * 1e6), _LATE_US):
                with self._writing:
                    self._close([segment])
                self._roller.sort(segment)

    def _close(self, segments: Iterable[Segment]) -> None:
        for segment in segments:
            key = (segment.level, segment.kept_s, segment.begin_us)
            known = self._open.get(key)
            if known is not None and known.id == segment.id:
                del self._open[key]

    def forget(self, now_s: float, metrics: Mapping[int, str]) -> int:
        """Drop what is over; `metrics` names each series' metric. Returns how many raw samples that were."""
        kept_s = {number: self._retention.seconds(metric) for number, metric in metrics.items()}
        least_s = min(kept_s.values(), default=0)
        minutes_s = round(self._retention.minutes_days * DAY_S)

        def raw_is_over(segment: Segment, series: Iterable[int]) -> bool:
            longest_s = max((kept_s.get(number, 0) for number in series), default=least_s)
            return segment.end_us <= (now_s - longest_s) * 1e6

        def minutes_are_over(segment: Segment, _series: Iterable[int]) -> bool:
            return segment.end_us <= (now_s - minutes_s) * 1e6

        with self._running, self._writing:
            dropped, raw_until = self._roller.forget(0, raw_is_over, self._close)
            self._forgotten.note(0, raw_until)
            _, minutes_until = self._roller.forget(1, minutes_are_over, self._close)
            self._forgotten.note(1, minutes_until)
        return dropped

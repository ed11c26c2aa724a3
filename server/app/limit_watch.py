"""Now and then: what is degrading, and when it will be at its limit if it goes on."""

from __future__ import annotations

from collections.abc import Callable

from server.detection import ahead
from server.kit.clock import Clock
from server.kit.database import Database
from server.telemetry.store import TelemetryStore


class LimitWatch:
    """Asks the store outside of transactions, then writes what it made of it in one."""

    def __init__(
        self,
        records: Database,
        telemetry: TelemetryStore,
        clock: Clock,
        after_commit: Callable[[], None],
    ) -> None:
        self._records, self._telemetry, self._clock = records, telemetry, clock
        self._after_commit = after_commit

    def look(self) -> None:
        """Every open finding that grows; twice gives the same."""
        with self._records.reading() as session:
            growing = ahead.growing(session)
        now_s = self._clock.now().timestamp()
        told = {g.finding.id: ahead.forecast(self._telemetry, g, now_s=now_s) for g in growing}
        if told:
            with self._records.transaction() as session:
                for finding_id, forecast in told.items():
                    ahead.note(session, finding_id, forecast)
            self._after_commit()

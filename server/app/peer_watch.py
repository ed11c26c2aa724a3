"""Once a day, when a day is over (UTC): devices against their peers, findings into cases."""

from __future__ import annotations

from collections.abc import Callable

from server.detection import peers
from server.device import repository as devices
from server.incident.service import absorb
from server.kit.clock import Clock
from server.kit.database import Database
from server.kit.settings import Settings
from server.telemetry.store import TelemetryStore

_DAY_S = 86_400.0


class PeerWatch:
    """Called as often as one likes; it looks when it has not looked since midnight."""

    def __init__(
        self, records: Database, telemetry: TelemetryStore, clock: Clock, settings: Settings,
        after_commit: Callable[[], None],
    ) -> None:  # fmt: skip
        self._records, self._telemetry, self._clock = records, telemetry, clock
        self._settings, self._after_commit = settings, after_commit
        self._looked = -1

    def look(self) -> None:
        """Each group in a transaction of its own; what fails is looked at again next time."""
        now = self._clock.now()
        today = int(now.timestamp() // _DAY_S)
        if today == self._looked:
            return
        with self._records.reading() as session:
            groups = peers.groups(devices.in_service(session))
        for group in groups:
            found = peers.look(self._telemetry, group, now_s=now.timestamp())
            with self._records.transaction() as session:
                changed = peers.note(session, group, found, now=now)
                absorb(session, changed, now=now, settings=self._settings)
            self._after_commit()
        self._looked = today

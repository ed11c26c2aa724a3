"""Once a day, when a day is over (UTC): devices against their peers, and each one's hours against what is usual."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from anomaly import Finding
from server.detection import by_days, hours, peers, repository
from server.detection.model import FindingRecord
from server.device import repository as devices
from server.incident.service import absorb
from server.kit.clock import Clock
from server.kit.database import Database
from server.kit.settings import Settings
from server.telemetry.store import TelemetryStore

_DAY_S = 86_400.0


class DailyWatch:
    """Called as often as one likes; it looks when it has not looked since midnight."""

    def __init__(
        self, records: Database, telemetry: TelemetryStore, clock: Clock, settings: Settings,
        after_commit: Callable[[], None],
    ) -> None:  # fmt: skip
        self._records, self._telemetry, self._clock = records, telemetry, clock
        self._settings, self._after_commit = settings, after_commit
        self._looked = -1

    def look(self) -> None:
        """Each group and device in a transaction of its own; what fails is looked at again next time."""
        now_s = self._clock.now().timestamp()
        today = int(now_s // _DAY_S)
        if today == self._looked:
            return
        with self._records.reading() as session:
            in_service = devices.in_service(session)
            groups = peers.groups(in_service)
            ids = [device.id for device in in_service]
            standing = {
                row.device_id for row in repository.all_open_findings(session) if hours.is_ours(row)
            }
            baselines = repository.newest_baselines(session)
        for group in groups:
            found = peers.look(self._telemetry, group, now_s=now_s)
            self._note(group.device_ids, found, peers.is_ours)
        for device_id in ids:
            baseline_at = baselines.get(device_id)
            found = hours.look(self._telemetry, device_id, baseline_at=baseline_at, now_s=now_s)
            if found or device_id in standing:
                self._note([device_id], found, hours.is_ours)
        self._looked = today

    def _note(
        self,
        device_ids: Sequence[str],
        found: Sequence[Finding],
        is_ours: Callable[[FindingRecord], bool],
    ) -> None:
        now = self._clock.now()
        with self._records.transaction() as session:
            changed = by_days.note(session, device_ids, found, is_ours=is_ours, now=now)
            absorb(session, changed, now=now, settings=self._settings)
        self._after_commit()

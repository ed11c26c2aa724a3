"""Findings that come of stored days, looked at once a day: onto the record, and off it again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from anomaly import Finding
from server.detection import repository, service
from server.detection.model import FindingRecord
from server.kit.clock import from_unix


def note(
    session: Session,
    device_ids: Sequence[str],
    found: Sequence[Finding],
    *,
    is_ours: Callable[[FindingRecord], bool],
    now: datetime,
) -> list[FindingRecord]:
    """Onto the record what it does not know yet of these devices, and the ends of what is over; the
    records changed.

    One that is open stays the same though the day on which it began is no longer looked at. `is_ours`
    tells whose end this look can tell.
    """
    ill = {(f.device, f.kind, f.metrics[0]): f for f in found if f.ended_s is None}
    ends = {f.id: f.ended_s for f in found if f.ended_s is not None}
    still_open = {
        (row.device_id, row.kind, row.metrics[0]): row
        for row in repository.open_findings(session, device_ids)
        if row.metrics and is_ours(row)
    }
    ended = [row for place, row in still_open.items() if place not in ill]
    for row in ended:
        at = from_unix(ends[row.id]) if row.id in ends else now
        row.ended_at, row.recorded_at = max(at, row.onset_at), now
    fresh = [finding for place, finding in ill.items() if place not in still_open]
    return service.record(session, fresh, now=now) + ended

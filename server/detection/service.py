"""Findings onto the record, and new baselines. Callers own the transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from anomaly import Finding
from server.detection import repository
from server.detection.checkpoints import SHARD
from server.detection.model import BaselineRequest, FindingRecord, RecordedPosition
from server.kit.clock import from_unix
from server.kit.text import one_line

DeviceFilter = Callable[[str], bool]


def every_device(_device_id: str) -> bool:
    return True


def record(session: Session, findings: Iterable[Finding], *, now: datetime) -> list[FindingRecord]:
    """Write findings under their ids, newer word over older; returns the records, oldest onset first."""
    records: dict[str, FindingRecord] = {}
    for finding in findings:
        row = records.get(finding.id) or session.get(FindingRecord, finding.id)
        if row is None:
            row = FindingRecord(id=finding.id, device_id=finding.device, kind=finding.kind)
            session.add(row)
        row.metrics = list(finding.metrics)
        row.onset_at = from_unix(finding.onset_s)
        row.detected_at = from_unix(finding.detected_s)
        row.ended_at = None if finding.ended_s is None else from_unix(finding.ended_s)
        row.confidence = finding.confidence
        row.severity = finding.severity
        row.evidence = dict(finding.evidence)
        row.sentence = one_line(finding.sentence, limit=1000)
        if finding.forecast is not None:
            row.forecast = {"sentence": finding.forecast}
        elif finding.ended_s is not None:
            row.forecast = None  # what was foreseen (`detection.ahead`) has not come
        row.recorded_at = now
        records[finding.id] = row
    session.flush()
    return sorted(records.values(), key=lambda row: (row.onset_at, row.id))


def end_open_findings(
    session: Session, *, now: datetime, of: DeviceFilter = every_device
) -> list[FindingRecord]:
    """End everything that is open on devices that pass `of`, as of now; the records changed."""
    ended = [row for row in repository.all_open_findings(session) if of(row.device_id)]
    for row in ended:
        row.ended_at = max(now, row.onset_at)
        row.recorded_at = now
    return ended


def health(findings: Iterable[FindingRecord]) -> float:
    """0..1, 1 = nothing found: what the worst open finding leaves over."""
    return 1.0 - max((f.severity * f.confidence for f in findings if f.ended_at is None), default=0)


def note_recorded(session: Session, stream: str, position: int, *, shard: str = SHARD) -> None:
    """The records now include the effects of `stream` up to `position`."""
    session.merge(RecordedPosition(shard=shard, stream=stream, position=position))


def request_baseline(session: Session, device_id: str, *, at: datetime, reason: str) -> None:
    """Ask the pipeline to start the device's commissioning anew as of `at`."""
    session.add(BaselineRequest(device_id=device_id, at=at, reason=one_line(reason)))


def baseline_requests_wait(session: Session, *, of: DeviceFilter = every_device) -> bool:
    return any(of(request.device_id) for request in repository.waiting_baseline_requests(session))


def take_baseline_requests(
    session: Session, *, now: datetime, of: DeviceFilter = every_device
) -> Sequence[BaselineRequest]:
    """What was asked for and not applied yet; marked as applied in the caller's transaction."""
    waiting = [r for r in repository.waiting_baseline_requests(session) if of(r.device_id)]
    for request in waiting:
        request.applied_at = now
    return waiting

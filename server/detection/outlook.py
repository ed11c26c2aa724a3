"""What the fleet models in use say of each device, and the finding that a failure is near.

A finding begins when two looks in a row say so and ends when two in a row do not, or with a repair.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy.orm import Session

from anomaly.finding import Finding, finding_id
from anomaly.fleet.replacing import Told
from server.detection import repository, service
from server.detection.model import FindingRecord, FleetModel, Outlook

KIND: Final = "life"
LIKELY: Final = 0.5
LOOKS: Final = 2


def note(
    session: Session, told: Mapping[str, Told], current: Mapping[str, FleetModel], *, now: datetime
) -> list[FindingRecord]:
    """Keep what was told of each device; returns the findings that began, changed or ended."""
    horizon = next(iter(current.values())).horizon_days
    changed: list[FindingRecord] = []
    for device_id, word in sorted(told.items()):
        row = session.get(Outlook, device_id)
        if row is None:
            row = Outlook(device_id=device_id, looks=0)
            session.add(row)
        row.at, row.horizon_days = now, horizon
        row.remaining_days, row.low_days, row.high_days = word.remaining, word.low, word.high
        row.probability = word.probability
        row.looks = max(row.looks, 0) + 1 if _near(word, horizon) else min(row.looks, 0) - 1
        session.flush()
        changed += _finding(session, row, now=now)
    return changed


def forget(session: Session, device_ids: Sequence[str], *, now: datetime) -> list[FindingRecord]:
    """Nothing is said of these any more: no model, or too little of a life yet."""
    ended = []
    for row in repository.outlooks(session, device_ids):
        record = repository.open_finding(session, row.device_id, KIND)
        if record is not None:
            ended.append(_end(record, now))
        session.delete(row)
    session.flush()
    return ended


def of_device(session: Session, device_id: str) -> Outlook | None:
    return session.get(Outlook, device_id)


def _near(word: Told, horizon: float) -> bool:
    if word.probability is not None:
        return word.probability >= LIKELY
    return word.remaining is not None and word.remaining <= horizon


def _finding(session: Session, row: Outlook, *, now: datetime) -> list[FindingRecord]:
    record = repository.open_finding(session, row.device_id, KIND)
    if row.looks <= -LOOKS:
        return [_end(record, now)] if record is not None else []
    if row.looks < LOOKS and record is None:
        return []
    if row.looks < 0:
        return []
    onset = record.onset_at if record is not None else now
    finding = _told(row, onset, record, now)
    if record is not None and record.severity == finding.severity:
        return []
    return service.record(session, [finding], now=now)


def _told(row: Outlook, onset: datetime, record: FindingRecord | None, now: datetime) -> Finding:
    onset_s = onset.timestamp()
    evidence: dict[str, float | str] = {"horizon_days": row.horizon_days}
    named = {"remaining_days": row.remaining_days, "low_days": row.low_days,
             "high_days": row.high_days, "probability": row.probability}  # fmt: skip
    evidence |= {name: round(value, 3) for name, value in named.items() if value is not None}
    left = row.remaining_days if row.remaining_days is not None else row.horizon_days / 2.0
    used_up = min(max(1.0 - left / row.horizon_days, 0.0), 1.0)
    return Finding(
        id=record.id if record is not None else finding_id(row.device_id, KIND, (), onset_s),
        kind="life",
        device=row.device_id,
        metrics=(),
        onset_s=onset_s,
        detected_s=(record.detected_at if record is not None else now).timestamp(),
        ended_s=None,
        confidence=max(row.probability or 0.0, LIKELY + 0.1),
        severity=round(0.5 + 0.4 * used_up, 1),
        evidence=evidence,
        sentence=_sentence(row),
    )


def _sentence(row: Outlook) -> str:
    parts = []
    if row.remaining_days is not None and row.low_days is not None and row.high_days is not None:
        parts.append(
            f"about {row.remaining_days:.2g} days are left until it fails as others did "
            f"({row.low_days:.2g} to {row.high_days:.2g} days, 80 % interval)"
        )
    if row.probability is not None:
        parts.append(
            f"a failure within {row.horizon_days:g} days has a probability of {row.probability:.0%}"
        )
    return "; ".join(parts)


def _end(record: FindingRecord, now: datetime) -> FindingRecord:
    record.ended_at, record.recorded_at = max(now, record.onset_at), now
    return record

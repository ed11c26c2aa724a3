"""Where open findings lead, from stored samples: the way of their metric to a limit of its sensor."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy.orm import Session

from anomaly import Finding
from anomaly.finding import Kind
from anomaly.limits import narrowed_limits, physical_limits
from anomaly.outlook import GROWING, POINTS, Course, with_outlook
from server.detection import repository
from server.detection.model import FindingRecord
from server.device import repository as devices
from server.telemetry.samples import SeriesKey
from server.telemetry.store import TelemetryStore

Forecast = dict[str, Any]
"""`sentence`, `limit`, `limit_reached_s` and the ends of its 80 % interval, where that has them."""


@dataclass(frozen=True, slots=True)
class Growing:
    """An open finding that may go on, and how far its sensor lets it."""

    finding: Finding
    unit: str
    limits: tuple[float, float]


def growing(session: Session) -> list[Growing]:
    """Open findings whose metric has a limit; of devices on record."""
    rows = [row for row in repository.all_open_findings(session) if row.kind in GROWING]
    known = devices.by_ids(session, {row.device_id for row in rows})
    found = []
    for row in rows:
        device, unit = known.get(row.device_id), str(row.evidence.get("unit", ""))
        if device is None or not row.metrics:
            continue
        limits = limits_of(device.sensors, str(row.metrics[0]), unit)
        if math.isfinite(limits[0]) or math.isfinite(limits[1]):
            found.append(Growing(_finding(row), unit, limits))
    return found


def limits_of(sensors: Sequence[Any], metric: str, unit: str) -> tuple[float, float]:
    """What physics allows, narrowed by what the device announced for this metric."""
    for sensor in sensors:
        if sensor.get("name") == metric and sensor.get("limits"):
            low, high = sensor["limits"]
            return narrowed_limits(
                unit, -math.inf if low is None else low, math.inf if high is None else high
            )
    return physical_limits(unit)


def forecast(telemetry: TelemetryStore, open_: Growing, *, now_s: float) -> Forecast | None:
    """From the samples since the finding's onset; None where they lead to no limit."""
    finding = open_.finding
    key = SeriesKey(finding.device, finding.metrics[0])
    if now_s <= finding.onset_s:
        return None
    read = telemetry.query(key, from_s=finding.onset_s, to_s=now_s, points=POINTS)
    course = Course()
    course.add(read.times_s, read.mean)
    foreseen = with_outlook(finding, course, open_.limits, open_.unit, dated=True)
    if foreseen.forecast is None:
        return None
    numbers = {name: v for name, v in foreseen.evidence.items() if name.startswith("limit")}
    return {"sentence": foreseen.forecast, **numbers}


def note(session: Session, finding_id: str, told: Forecast | None) -> None:
    """Keep the newest word, for as long as the finding is open."""
    row = session.get(FindingRecord, finding_id)
    if row is not None and row.ended_at is None:
        row.forecast = told


def _finding(row: FindingRecord) -> Finding:
    return Finding(
        id=row.id,
        kind=cast("Kind", row.kind),
        device=row.device_id,
        metrics=tuple(map(str, row.metrics)),
        onset_s=row.onset_at.timestamp(),
        detected_s=row.detected_at.timestamp(),
        ended_s=None,
        confidence=row.confidence,
        severity=row.severity,
        evidence={},
        sentence=row.sentence,
    )

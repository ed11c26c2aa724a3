"""How devices do, at a glance: one line a device, the same for owner, technician and desk."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy.orm import Session

from server.detection import repository as detection
from server.detection.model import FindingRecord
from server.detection.service import health
from server.device.model import Device
from server.incident import repository as incidents
from server.incident.model import Incident
from server.ticket import repository as tickets
from server.ticket.model import Ticket

ACT_BELOW = 0.6
"""Health under which a device needs somebody now, not just an eye on it."""
SURE = 0.5
"""Findings less sure than this lower the health but don't change the word."""


class Status(StrEnum):
    """The one word for a device."""

    OK = "ok"
    WATCH = "watch"
    ACT = "act"
    SILENT = "silent"


@dataclass(frozen=True, slots=True)
class DeviceOverview:
    device: Device
    health: float
    """0..1, 1 = nothing found."""
    status: Status
    findings: tuple[FindingRecord, ...]
    """Not ended, oldest onset first."""
    incident: Incident | None
    """The worst open or watched case."""
    ticket: Ticket | None
    """That case's ticket."""


def overviews(session: Session, devices: Sequence[Device]) -> list[DeviceOverview]:
    """One for each device, in the order given; three queries however many there are."""
    ids = [device.id for device in devices]
    found: dict[str, list[FindingRecord]] = defaultdict(list)
    for finding in detection.open_findings(session, ids):
        found[finding.device_id].append(finding)
    worst: dict[str, Incident] = {}
    for incident in incidents.active_on_devices(session, ids):
        worst.setdefault(incident.device_id, incident)
    of_case = tickets.tickets_of_incidents(session, [i.id for i in worst.values()])
    return [
        _overview(device, found[device.id], worst.get(device.id), of_case) for device in devices
    ]


def overview(session: Session, device: Device) -> DeviceOverview:
    return overviews(session, [device])[0]


def _overview(
    device: Device,
    findings: list[FindingRecord],
    incident: Incident | None,
    of_case: dict[int, Ticket],
) -> DeviceOverview:
    score = health(findings)
    return DeviceOverview(
        device=device,
        health=score,
        status=status_word(device, findings, score, in_case=incident is not None),
        findings=tuple(findings),
        incident=incident,
        ticket=of_case.get(incident.id) if incident else None,
    )


def status_word(
    device: Device, findings: Sequence[FindingRecord], score: float, *, in_case: bool
) -> Status:
    """Silence of the whole device hides everything else; then the worst finding counts."""
    if device.last_seen_at is None or any(f.kind == "silence" and not f.metrics for f in findings):
        return Status.SILENT
    if score < ACT_BELOW:
        return Status.ACT
    sure = any(f.confidence >= SURE for f in findings)
    return Status.WATCH if sure or in_case else Status.OK

"""Views in the JSON API."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

from server.incident.schemas import FindingView, IncidentView
from server.insight.overview import DeviceOverview, Status
from server.ticket.schemas import TicketView


class DeviceView(BaseModel):
    id: str
    name: str
    model: str
    site: str
    firmware: str
    owner_id: int | None
    online: bool
    last_seen_at: datetime | None
    health: float
    status: Status
    incident: IncidentView | None
    ticket: TicketView | None


class LatestView(BaseModel):
    metric: str
    unit: str
    time: datetime
    value: float
    limits: tuple[float | None, float | None] | None
    """What the device itself calls sound, lower end first; null: it told nothing of that end, or none."""


class DeviceDetail(DeviceView):
    findings: list[FindingView]
    latest: list[LatestView]


class TelemetryView(BaseModel):
    """Columns of one length; times in Unix seconds, each that of its bucket's first sample."""

    device_id: str
    metric: str
    unit: str
    from_s: float
    to_s: float
    times_s: list[float]
    min: list[float]
    mean: list[float]
    max: list[float]
    count: list[int]


class TimelineItemView(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    at: datetime
    until: datetime | None
    lasts: bool
    kind: str
    code: str
    title: str
    detail: str
    facts: dict[str, Any]
    ref: str


class TimelineView(BaseModel):
    device_id: str
    since: datetime
    until: datetime
    items: list[TimelineItemView]


class ProactiveView(BaseModel):
    """What each figure counts is said in `server/insight/proactive.py`; null: nothing to count."""

    model_config = ConfigDict(from_attributes=True)

    cases: int
    requests: int
    noticed_first_share: float | None
    median_lead_time_s: float | None
    median_detection_delay_s: float | None
    verdicts: int
    precision: float | None
    thumbs: int
    useful_share: float | None
    self_resolved_share: float | None
    median_hours_to_close: float | None
    relapses: int
    visits_avoided: int


def device_view(seen: DeviceOverview) -> DeviceView:
    device = seen.device
    return DeviceView(
        id=device.id,
        name=device.name,
        model=device.model,
        site=device.site,
        firmware=device.firmware,
        owner_id=device.owner_id,
        online=device.online,
        last_seen_at=device.last_seen_at,
        health=seen.health,
        status=seen.status,
        incident=IncidentView.model_validate(seen.incident) if seen.incident else None,
        ticket=TicketView.model_validate(seen.ticket) if seen.ticket else None,
    )

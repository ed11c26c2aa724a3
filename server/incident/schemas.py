"""Incidents in the JSON API."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

from server.incident.states import IncidentState


class IncidentView(BaseModel):
    """A case; `onset_at` and `recovered_at` are the samples' own time."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    device_id: str
    component: str
    kind: str
    state: IncidentState
    severity: float
    opened_at: datetime
    onset_at: datetime
    recovered_at: datetime | None
    watch_until: datetime | None
    closed_at: datetime | None
    reopened_count: int
    previous_id: int | None
    leading_finding_id: str


class FindingView(BaseModel):
    """What the detectors said."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    kind: str
    metrics: list[str]
    onset_at: datetime
    detected_at: datetime
    ended_at: datetime | None
    confidence: float
    severity: float
    evidence: dict[str, Any]
    sentence: str


class IncidentDetail(IncidentView):
    findings: list[FindingView]

"""What happens to an incident."""

from __future__ import annotations

from dataclasses import dataclass

from server.kit.events import Event


@dataclass(frozen=True, kw_only=True)
class IncidentOpened(Event):
    incident_id: int
    device_id: str


@dataclass(frozen=True, kw_only=True)
class IncidentWorsened(Event):
    """More severe than it has been, or led by another finding now."""

    incident_id: int
    device_id: str
    severity: float


@dataclass(frozen=True, kw_only=True)
class IncidentRecovered(Event):
    """Every finding has ended; the watch period begins."""

    incident_id: int
    device_id: str


@dataclass(frozen=True, kw_only=True)
class IncidentRelapsed(Event):
    """It came back within the watch period: the same case is open again."""

    incident_id: int
    device_id: str


@dataclass(frozen=True, kw_only=True)
class IncidentClosed(Event):
    incident_id: int
    device_id: str

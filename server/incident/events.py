"""What happens to an incident."""

from __future__ import annotations

from dataclasses import dataclass

from server.kit.events import Event


@dataclass(frozen=True, kw_only=True)
class IncidentEvent(Event):
    """Common to all of them; never published itself."""

    incident_id: int
    device_id: str


@dataclass(frozen=True, kw_only=True)
class IncidentOpened(IncidentEvent):
    pass


@dataclass(frozen=True, kw_only=True)
class IncidentWorsened(IncidentEvent):
    """More severe than it has been, or led by another finding now."""


@dataclass(frozen=True, kw_only=True)
class IncidentRecovered(IncidentEvent):
    """Every finding has ended; the watch period begins."""


@dataclass(frozen=True, kw_only=True)
class IncidentRelapsed(IncidentEvent):
    """It came back within the watch period: the same case is open again."""


@dataclass(frozen=True, kw_only=True)
class IncidentClosed(IncidentEvent):
    """It stayed well for the watch period."""

"""An incident's life-cycle: open while a finding lasts, watched after the last one ended, then closed."""

from __future__ import annotations

from enum import StrEnum

from field_service.life_cycle import LifeCycle


class IncidentState(StrEnum):
    OPEN = "open"
    RECOVERING = "recovering"
    CLOSED = "closed"


class IncidentAction(StrEnum):
    RECOVER = "recover"
    RELAPSE = "relapse"
    CLOSE = "close"


INCIDENT_LIFE_CYCLE: LifeCycle[IncidentState, IncidentAction] = LifeCycle(
    "incident",
    IncidentState.OPEN,
    {
        (IncidentState.OPEN, IncidentAction.RECOVER): IncidentState.RECOVERING,
        (IncidentState.RECOVERING, IncidentAction.RELAPSE): IncidentState.OPEN,
        (IncidentState.RECOVERING, IncidentAction.CLOSE): IncidentState.CLOSED,
    },
)

ACTIVE = frozenset({IncidentState.OPEN, IncidentState.RECOVERING})

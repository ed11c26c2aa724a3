"""What happens to a ticket."""

from __future__ import annotations

from dataclasses import dataclass

from server.kit.events import Event


@dataclass(frozen=True, kw_only=True)
class TicketOpened(Event):
    ticket_id: int
    incident_id: int | None
    device_id: str


@dataclass(frozen=True, kw_only=True)
class TicketAssigned(Event):
    """`assignee_id` null: back in `queue`."""

    ticket_id: int
    assignee_id: int | None
    queue: str


@dataclass(frozen=True, kw_only=True)
class TicketRecovering(Event):
    """The device is well again and is being watched."""

    ticket_id: int
    watch_until_s: float


@dataclass(frozen=True, kw_only=True)
class TicketStateChanged(Event):
    """Any change of state, those that have an event of their own too; live pages listen to it."""

    ticket_id: int
    state: str
    previous: str


@dataclass(frozen=True, kw_only=True)
class TicketResolved(Event):
    ticket_id: int
    resolution: str


@dataclass(frozen=True, kw_only=True)
class TicketClosed(Event):
    ticket_id: int
    resolution: str


@dataclass(frozen=True, kw_only=True)
class TicketReopened(Event):
    """`reason`: relapse or asked."""

    ticket_id: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class TicketDelayAnnounced(Event):
    """Times in Unix seconds."""

    ticket_id: int
    due_s: float
    previous_due_s: float


@dataclass(frozen=True, kw_only=True)
class TicketEscalated(Event):
    ticket_id: int
    priority: str
    queue: str
    assignee_id: int | None


@dataclass(frozen=True, kw_only=True)
class TicketFeedbackGiven(Event):
    """`feedback` null: taken back."""

    ticket_id: int
    incident_id: int | None
    device_id: str
    feedback: str | None

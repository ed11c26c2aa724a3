"""A ticket's life-cycle."""

from __future__ import annotations

from enum import StrEnum

from field_service.life_cycle import LifeCycle


class TicketState(StrEnum):
    NEW = "new"
    IN_PROGRESS = "in_progress"
    WAITING = "waiting"
    RESOLVED = "resolved"
    CLOSED = "closed"


class TicketAction(StrEnum):
    START = "start"
    WAIT = "wait"
    RESOLVE = "resolve"
    CLOSE = "close"
    REOPEN = "reopen"


TICKET_LIFE_CYCLE: LifeCycle[TicketState, TicketAction] = LifeCycle(
    "ticket",
    TicketState.NEW,
    {
        (TicketState.NEW, TicketAction.START): TicketState.IN_PROGRESS,
        (TicketState.NEW, TicketAction.WAIT): TicketState.WAITING,
        (TicketState.NEW, TicketAction.RESOLVE): TicketState.RESOLVED,
        (TicketState.NEW, TicketAction.CLOSE): TicketState.CLOSED,
        (TicketState.IN_PROGRESS, TicketAction.WAIT): TicketState.WAITING,
        (TicketState.IN_PROGRESS, TicketAction.RESOLVE): TicketState.RESOLVED,
        (TicketState.IN_PROGRESS, TicketAction.CLOSE): TicketState.CLOSED,
        (TicketState.WAITING, TicketAction.START): TicketState.IN_PROGRESS,
        (TicketState.WAITING, TicketAction.RESOLVE): TicketState.RESOLVED,
        (TicketState.WAITING, TicketAction.CLOSE): TicketState.CLOSED,
        (TicketState.RESOLVED, TicketAction.REOPEN): TicketState.IN_PROGRESS,
        (TicketState.RESOLVED, TicketAction.CLOSE): TicketState.CLOSED,
        (TicketState.CLOSED, TicketAction.REOPEN): TicketState.IN_PROGRESS,
    },
)

ENDED = frozenset({TicketState.RESOLVED, TicketState.CLOSED})
UNFINISHED = frozenset(TicketState) - ENDED


class TicketKind(StrEnum):
    PROACTIVE = "proactive"
    """Opened by us, before anyone asked."""
    ASKED = "asked"
    """A person asked for help."""


class Priority(StrEnum):
    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"
    URGENT = "urgent"

    @classmethod
    def of_severity(cls, severity: float) -> Priority:
        """The priority that a case of `severity` (0..1) starts with."""
        for least, priority in ((0.8, cls.URGENT), (0.6, cls.HIGH), (0.3, cls.NORMAL)):
            if severity >= least:
                return priority
        return cls.LOW

    @property
    def rank(self) -> int:
        """0 for the least urgent."""
        return list(Priority).index(self)

    def raised(self) -> Priority:
        order = list(Priority)
        return order[min(self.rank + 1, len(order) - 1)]


class Feedback(StrEnum):
    """The owner's thumb, to be changed or taken back at any time."""

    USEFUL = "useful"
    NOT_USEFUL = "not_useful"


class Resolution(StrEnum):
    """Why a ticket ended."""

    RECOVERED = "recovered"
    REPAIRED = "repaired"
    NO_FAULT_FOUND = "no_fault_found"
    EXTERNAL_CAUSE = "external_cause"
    ANSWERED = "answered"
    WITHDRAWN = "withdrawn"


QUEUE_SUPPORT = "support"
QUEUE_ESCALATIONS = "escalations"

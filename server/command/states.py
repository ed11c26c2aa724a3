"""The life of a command, as a table.

A result counts in whatever open state it finds the command: the send may have reached the device
although our note of it was lost. It counts after `expired` too: then the device ran the command in time
and only its answer was late, which is what people should read.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class CommandStatus(StrEnum):
    PENDING = "pending"
    """Not sent yet: the device is offline, or the send failed."""
    SENT = "sent"
    """Sent, unanswered: sent again with growing pauses."""
    DONE = "done"
    FAILED = "failed"
    REFUSED = "refused"
    EXPIRED = "expired"


_ANSWERS = frozenset({CommandStatus.DONE, CommandStatus.FAILED, CommandStatus.REFUSED})

TRANSITIONS: Mapping[CommandStatus, frozenset[CommandStatus]] = {
    CommandStatus.PENDING: _ANSWERS | {CommandStatus.SENT, CommandStatus.EXPIRED},
    CommandStatus.SENT: _ANSWERS | {CommandStatus.SENT, CommandStatus.EXPIRED},
    CommandStatus.EXPIRED: _ANSWERS,
    CommandStatus.DONE: frozenset(),
    CommandStatus.FAILED: frozenset(),
    CommandStatus.REFUSED: frozenset(),
}

OPEN = frozenset({CommandStatus.PENDING, CommandStatus.SENT})


def may_become(status: CommandStatus, other: CommandStatus) -> bool:
    return other in TRANSITIONS[status]

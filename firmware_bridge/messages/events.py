"""What else happens on the line: the closed union `Event`."""

from dataclasses import dataclass
from enum import Enum

from firmware_bridge.messages.readings import Readings


@dataclass(frozen=True, slots=True)
class MetricInfo:
    """What a microcontroller said about one metric. Limits and period in the metric's unit and in seconds."""

    name: str
    unit: str
    kind: str
    period_s: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class LinkUp:
    """The other end greeted and both agreed on a version."""

    time_s: float
    model: str
    firmware: str
    version: int


@dataclass(frozen=True, slots=True)
class LinkDown:
    """Nothing understandable arrives any more, or no version is in common."""

    time_s: float
    reason: str


@dataclass(frozen=True, slots=True)
class Announced:
    """The table of metrics is complete, or grew (protocols without a table: at a metric's first value)."""

    time_s: float
    metrics: tuple[MetricInfo, ...]


@dataclass(frozen=True, slots=True)
class McuReset:
    """The microcontroller started anew; ``ran_s`` is how long it had run, where that is known."""

    time_s: float
    reason: str
    ran_s: float | None


@dataclass(frozen=True, slots=True)
class McuEvent:
    """The firmware reports something: ``kind`` as in docs/link-protocol.md, section 8."""

    time_s: float
    kind: str
    value: int
    text: str
    mcu_ms: int | None = None


class Outcome(Enum):
    """How a command ended."""

    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"
    NO_ANSWER = "no answer"
    LOST_IN_RESET = "lost in a reset"


@dataclass(frozen=True, slots=True)
class CommandEnded:
    """The end of a command that was given with ``key``."""

    time_s: float
    key: str
    outcome: Outcome
    value: int
    text: str


Event = Readings | LinkUp | LinkDown | Announced | McuReset | McuEvent | CommandEnded

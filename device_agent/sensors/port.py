"""What a source of readings is: the port that every module in this folder fills.

A source takes one snapshot (one system call, one file, one bus transaction) and describes the metrics
found in it. A source without a deadline promises never to block and is read on the agent's own
thread; one with a deadline is read on a worker's, never twice at once, and a snapshot that comes later
than ``deadline_s`` is thrown away. ``read`` and ``value_fn`` may raise anything: the sampler reports
the sensor stale and asks again next time.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

S = TypeVar("S")

Value = float | bool | str


@dataclass(frozen=True, slots=True)
class SensorDescription(Generic[S]):
    """One metric, as data.

    ``unit`` is SenML's; ``kind`` says what is measured (temperature, share, rate, …; a ``counter``
    only ever runs its own way); ``limits`` is the physically possible range in that unit;
    ``value_fn`` takes the value out of the snapshot, or None where this machine has none now.
    """

    name: str
    unit: str
    kind: str
    limits: tuple[float, float] | None
    value_fn: Callable[[S], Value | None]


@dataclass(frozen=True, slots=True)
class Source(Generic[S]):
    """A snapshot and the metrics in it; ``key`` names it in logs and commands."""

    key: str
    period_s: float
    read: Callable[[], S]
    descriptions: tuple[SensorDescription[S], ...]
    deadline_s: float | None = None


AnySource = Source[Any]


@dataclass(frozen=True, slots=True)
class Around:
    """The world a source lives in: below ``root`` lie /proc and /sys; the clocks are seconds."""

    root: Path
    monotonic: Callable[[], float]
    now: Callable[[], float]

    def below(self, absolute: str) -> Path:
        """Give the place of an absolute path below the root."""
        return self.root / absolute.lstrip("/")


def slug(text: str) -> str:
    """Make one part of a metric's name out of a name the machine gave.

    >>> slug("CPU Thermal")
    'cpu-thermal'
    """
    kept = "".join(
        c if c in "abcdefghijklmnopqrstuvwxyz0123456789_.-" else "-" for c in text.lower()
    )
    return kept.strip("-")[:60] or "unnamed"

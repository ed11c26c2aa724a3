"""Which findings belong together: pure decisions on kinds, metrics and times.

Two findings on a device are one problem when
1. they share a component (what stands before the first `/` of a metric's name), or
2. both are of the connection (silence, gaps): a dead link shows on one series after the other, or
3. they began about the same time. How near depends on the kinds: what is wrong with a machine spreads
   from part to part over hours and days (a leak starves the compressor, which then heats the oil), while
   a sensor's fault or a spike comes alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from server.detection.model import FindingRecord

CONNECTION_KINDS = frozenset({"silence", "gap", "flapping", "reboot_loop"})
SPREADING_KINDS = frozenset(
    {"deviation", "level_shift", "drift", "variance", "relation", "rhythm", "unlike_peers"}
)
"""The machine behaves otherwise than it did."""
WHOLE_DEVICE = ""
"""Component of a finding that names no metric."""


@dataclass(frozen=True, slots=True)
class Grouping:
    """How findings become cases; one set of numbers for all devices."""

    least_confidence: float = 0.5
    """A finding less sure than this joins a case but opens none."""
    together: timedelta = timedelta(minutes=30)
    spreading_together: timedelta = timedelta(days=3)
    """The same for two findings of a machine that behaves otherwise."""
    repeat_within: timedelta = timedelta(days=30)
    """A case on a component that had one so recently names it as its predecessor."""

    def near(self, one: FindingRecord, other: FindingRecord) -> bool:
        """True when the two began about the same time."""
        spreading = one.kind in SPREADING_KINDS and other.kind in SPREADING_KINDS
        within = self.spreading_together if spreading else self.together
        return abs(one.onset_at - other.onset_at) <= within

    def akin(self, one: FindingRecord, other: FindingRecord) -> bool:
        """True when the two belong together though no component is shared."""
        connection = one.kind in CONNECTION_KINDS and other.kind in CONNECTION_KINDS
        return connection or self.near(one, other)


def component_of(metric: str) -> str:
    """
    >>> component_of("compressor/current")
    'compressor'
    """
    return metric.split("/", 1)[0][:200]


def components_of(metrics: Iterable[str]) -> tuple[str, ...]:
    """The components in the order of the metrics; the device as a whole when there are none."""
    return tuple(dict.fromkeys(component_of(m) for m in metrics)) or (WHOLE_DEVICE,)


def over_when_found(record: FindingRecord) -> bool:
    """True for a finding that tells of the past only: it must not raise an alarm dated now.

    Judged by the samples' own time, so that a history replayed in one batch or in many, in a minute
    or as it happened, opens the same cases.
    """
    return record.ended_at is not None and record.ended_at <= record.detected_at


def weight(record: FindingRecord) -> tuple[float, float, str]:
    """Orders findings by how much they lead a case; the same for the same set in any order."""
    return (record.severity * record.confidence, -record.onset_at.timestamp(), record.id)

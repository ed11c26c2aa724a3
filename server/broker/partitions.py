"""Devices cut into partitions, so that several pipelines share the work and one device stays with one.

nats-server puts a device's telemetry under its partition's subject before it is stored (a mapping of the
account, `{{partition(n,1)}}`), so that a worker is sent its own partitions and nothing else. The other
messages, few beside those, stay under their own subjects: a will is stored unmapped whatever is
configured, and states, wills, events and results must come in their order. Each worker is sent all of
these and picks by the same hash (docs/decisions/0022-several-machines.md). Foreign topics, too, are sent to
all: whose they are is known only when they are understood (0031).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from server.broker.stream import PREFIX
from server.broker.subjects import subject_of, topic_of

DEVICE_SUBJECTS: Final = f"{PREFIX}devices.*.*"
"""What is stored under its own subject: sent to every partition, taken by one."""
MAPPED_LEAF: Final = "telemetry"
_FNV_OFFSET: Final = 2166136261
_FNV_PRIME: Final = 16777619


def partition_of(device_id: str, count: int) -> int:
    """The partition that nats-server's `partition` function gives: FNV-1a of 32 bits, modulo.

    >>> partition_of("dev", 16)
    12
    """
    found = _FNV_OFFSET
    for byte in device_id.encode():
        found = ((found ^ byte) * _FNV_PRIME) & 0xFFFFFFFF
    return found % count


def mapped_subject(device_id: str, count: int) -> str:
    """Where a device's telemetry ends up, below `PREFIX`."""
    return f"{_prefix(count)}{partition_of(device_id, count)}.devices.{device_id}.{MAPPED_LEAF}"


def mappings(count: int) -> dict[str, str]:
    """For the account in nats-server's configuration: subject → where it goes."""
    place = f"{{{{partition({count},1)}}}}.devices.{{{{wildcard(1)}}}}.{MAPPED_LEAF}"
    return {f"devices.*.{MAPPED_LEAF}": _prefix(count) + place}


def _prefix(count: int) -> str:
    # The count is part of the name: messages cut by another count are another partition's.
    return f"part{count}."


@dataclass(frozen=True, slots=True)
class Partition:
    """One of `count`, numbered from 0; `foreign` are the first levels of foreign topics."""

    number: int
    count: int
    foreign: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Of its checkpoints and leases."""
        return f"{self.number}/{self.count}"

    @property
    def own_subjects(self) -> str:
        """Messages in the stream that are this partition's and nobody else's."""
        return f"{PREFIX}{_prefix(self.count)}{self.number}.devices.*.*"

    @property
    def subjects(self) -> tuple[str, ...]:
        roots = [PREFIX + subject_of(root) for root in self.foreign]
        below = [f"{root}.>" for root in roots]
        return (self.own_subjects, DEVICE_SUBJECTS, *roots, *below)

    def holds(self, device_id: str) -> bool:
        return partition_of(device_id, self.count) == self.number

    def topic(self, subject: str) -> str | None:
        """The topic of a message of this partition, by its subject in the stream; None for others'.

        Foreign ones are everybody's.
        """
        plain = subject.removeprefix(PREFIX)
        if plain.split(".", 1)[0] in map(subject_of, self.foreign):
            return topic_of(plain)
        tokens = plain.removeprefix(f"{_prefix(self.count)}{self.number}.").split(".")
        if len(tokens) != 3 or not self.holds(tokens[1]):
            return None
        return "/".join(tokens)

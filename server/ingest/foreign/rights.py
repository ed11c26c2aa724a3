"""May a foreign topic speak for a device? Only where the device, or its gateway, was given the topic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from device_agent.wire import WireError
from device_agent.wire.text import clean
from server.device.topics import any_matches
from server.ingest.foreign.said import Said

Rights = Mapping[str, tuple[str, ...]]
"""Device on record → filters of the foreign topics that may speak for it."""
NO_RIGHTS: Final[Rights] = {}


@dataclass(frozen=True, slots=True)
class Heard:
    """The foreign messages of a batch by position: what they say, or why they say nothing."""

    said: dict[int, list[Said] | WireError]
    elsewhere: int = 0
    """Messages of which nothing is for this pipeline: another takes them in."""

    def devices(self) -> set[str]:
        return {one.device_id for s in self.said.values() if isinstance(s, list) for one in s}


NOTHING_HEARD: Final = Heard({})


def may_not(one: Said, rights: Rights) -> tuple[str, str] | None:
    """Why what was said does not count: (field, reason)."""
    filters = rights.get(one.device_id)
    if filters is None:
        return "device_id", f"{one.device_id} is not on record, or was revoked"
    foreign = next((topic for topic in one.through if not any_matches(filters, topic)), None)
    if foreign is None:
        return None
    return "topic", f"{clean(foreign, 80)} was not given to {one.device_id}, nor to its gateway"

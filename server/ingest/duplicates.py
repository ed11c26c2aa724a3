"""Packs seen before, recognised exactly by (device, boot, seq).

Sequence numbers grow by one within a boot, so what was seen is a few ranges: one, mostly. The state
belongs to the detector's checkpoint and is saved with it: a replay from there meets the same state as
the first time and decides the same. What it forgets (old boots, a torn boot's lowest ranges) costs
nothing but a look-up: the store recognises a sample with the same series and time all the same.
"""

from __future__ import annotations

from bisect import bisect_right

import msgspec

BOOTS_KEPT = 16
"""Of each device; an agent's backlog may still hold packs of several earlier starts."""
RANGES_KEPT = 256
"""Of each boot; more gaps than that are noise."""

Ranges = list[list[int]]
"""Sorted, disjoint, never adjacent [first, last] pairs."""


class SeenPacks:
    """`is_new` asks and notes in one step; `to_bytes` and `from_bytes` carry it over a restart."""

    def __init__(self, devices: dict[str, dict[str, Ranges]] | None = None) -> None:
        self._devices = devices or {}

    def is_new(self, device_id: str, boot: str, seq: int) -> bool:
        """False when this pack was asked about before."""
        boots = self._devices.setdefault(device_id, {})
        ranges = boots.get(boot)
        if ranges is None:
            boots[boot] = [[seq, seq]]
            if len(boots) > BOOTS_KEPT:
                del boots[next(iter(boots))]
            return True
        if ranges[-1][1] + 1 == seq:  # the usual case
            ranges[-1][1] = seq
            return True
        return _insert(ranges, seq)

    def to_bytes(self) -> bytes:
        return msgspec.msgpack.encode(self._devices)

    @classmethod
    def from_bytes(cls, state: bytes) -> SeenPacks:
        """Raises msgspec.ValidationError for bytes that `to_bytes` did not make."""
        return cls(msgspec.msgpack.decode(state, type=dict[str, dict[str, Ranges]]))


def _insert(ranges: Ranges, seq: int) -> bool:
    place = bisect_right(ranges, seq, key=lambda r: r[0])
    before = ranges[place - 1] if place else None
    if before is not None and seq <= before[1]:
        return False
    after = ranges[place] if place < len(ranges) else None
    joins_before = before is not None and before[1] + 1 == seq
    joins_after = after is not None and seq + 1 == after[0]
    if joins_before and joins_after:
        ranges[place - 1 : place + 1] = [[ranges[place - 1][0], ranges[place][1]]]
    elif joins_before:
        ranges[place - 1][1] = seq
    elif joins_after:
        ranges[place][0] = seq
    else:
        ranges.insert(place, [seq, seq])
        if len(ranges) > RANGES_KEPT:
            del ranges[0]
    return True

"""Who sends more than its share: a bucket for each device, on the clock of arrivals.

A bucket leaks a device's share; one that is over its brim tells how long the device must be quiet until
it has leaked to a half. Nothing is refused here: what the broker acknowledged is taken in. Whoever is
told shows the device out for that long, and the rest waits where it is, on the device.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from server.device.credentials import LONGEST_PAUSE

MESSAGE_COSTS = 50
"""A message, whatever is in it, costs the broker and us as much as so many samples."""

BRIM_S = 60.0
"""A minute of its share may come at once."""

LONGEST_PAUSE_S = LONGEST_PAUSE.total_seconds()


@dataclass(frozen=True, slots=True)
class Excess:
    """A device that sent more than its share."""

    device_id: str
    per_s: float
    """Samples a second since its bucket began to fill, messages included at their price."""
    share_per_s: float
    pause_s: float

    def __str__(self) -> str:
        return (
            f"sends {self.per_s:,.0f} samples a second, its share is {self.share_per_s:,.0f}: "
            f"disconnected for {self.pause_s:.0f} s; what it has acknowledged is stored, the rest "
            "waits on the device"
        )


@dataclass(slots=True)
class _Bucket:
    level: float
    at_s: float
    filling_since_s: float
    poured: float
    quiet_until_s: float


class Shares:
    """One per pipeline; forgets at most a minute of everybody's past in a restart."""

    def __init__(self, *, samples_per_s: float) -> None:
        """0: nobody has too much."""
        self._share = samples_per_s
        self._buckets: dict[str, _Bucket] = {}

    def note(self, costs: Mapping[str, float], *, at_s: float) -> list[Excess]:
        """What arrived of each device up to `at_s`; those that are over, each once for a pause."""
        if not self._share:
            return []
        found = (self._poured(device_id, cost, at_s) for device_id, cost in costs.items())
        return [excess for excess in found if excess is not None]

    def _poured(self, device_id: str, cost: float, at_s: float) -> Excess | None:
        bucket = self._buckets.get(device_id)
        if bucket is None:
            bucket = self._buckets[device_id] = _Bucket(0.0, at_s, at_s, 0.0, at_s)
        bucket.level = max(0.0, bucket.level - self._share * max(0.0, at_s - bucket.at_s))
        if bucket.level == 0.0:
            bucket.filling_since_s, bucket.poured = bucket.at_s, 0.0
        bucket.at_s = at_s  # also where the clock of arrivals was set back
        bucket.filling_since_s = min(bucket.filling_since_s, at_s)
        bucket.quiet_until_s = min(bucket.quiet_until_s, at_s + LONGEST_PAUSE_S)
        bucket.level += cost
        bucket.poured += cost
        brim = self._share * BRIM_S
        if bucket.level <= brim or at_s < bucket.quiet_until_s:
            return None
        pause_s = min(LONGEST_PAUSE_S, (bucket.level - brim / 2) / self._share)
        bucket.quiet_until_s = at_s + pause_s
        took_s = max(1.0, at_s - bucket.filling_since_s)
        return Excess(device_id, bucket.poured / took_s, self._share, pause_s)

"""The buckets of a query: one rule for every adapter, so that all of them give the same answer."""

from __future__ import annotations

from dataclasses import dataclass

MINUTE_US = 60_000_000
HOUR_US = 60 * MINUTE_US
DAY_US = 24 * HOUR_US
UNITS_US = (DAY_US, HOUR_US, MINUTE_US)
"""Widths from two of these on are whole multiples of it, so that rollups can answer exactly."""

MAX_POINTS = 5_000
"""More buckets than a screen has pixels are refused."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Samples in [from_us, until_us); bucket i is [origin + i·width, origin + (i+1)·width) of them.

    All in Unix microseconds; `origin_us` is not later than `from_us`.
    """

    from_us: int
    until_us: int
    origin_us: int
    width_us: int

    @property
    def count(self) -> int:
        """Buckets that the range touches."""
        return -(-(self.until_us - self.origin_us) // self.width_us)

    @classmethod
    def of(cls, from_s: float, to_s: float, points: int, *, resolution_us: int = 1) -> Grid:
        """At most `points` equal buckets, whole multiples of `resolution_us` wide, from `from_s` on.

        Wide buckets are whole minutes, hours or days of UTC; the first and the last are then cut where
        the range begins and ends.

        Raises ValueError for an empty range or `points` outside 1..MAX_POINTS.
        """
        from_us, until_us = to_us(from_s, resolution_us), to_us(to_s, resolution_us)
        if to_s <= from_s:
            raise ValueError("the range is empty: `to` must be later than `from`")
        if not 1 <= points <= MAX_POINTS:
            raise ValueError(f"points must be 1..{MAX_POINTS}")
        until_us = max(until_us, from_us + resolution_us)
        asked_us = (until_us - from_us) // points
        unit_us = next((unit for unit in UNITS_US if asked_us >= 2 * unit), resolution_us)
        origin_us = from_us // unit_us * unit_us
        width_us = -(-(until_us - origin_us) // (points * unit_us)) * unit_us
        return cls(from_us, until_us, origin_us, width_us)


def to_us(time_s: float, resolution_us: int = 1) -> int:
    """Unix microseconds at a store's resolution: two samples of a series at the same are one."""
    return round(time_s * 1e6 / resolution_us) * resolution_us

"""Time is an argument: services get a `Clock`, tests turn it by hand."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    def now(self) -> datetime:
        """Timezone-aware UTC; may be set, forward and back."""
        ...

    def steady_s(self) -> float:
        """Seconds since some moment: they only pass, whatever is done to the clock."""
        ...


class SystemClock:
    """The wall clock of this machine."""

    def now(self) -> datetime:
        return datetime.fromtimestamp(time.time(), UTC)

    def steady_s(self) -> float:
        return time.monotonic()


class ManualClock:
    """A clock that stands still until told; ships so that tests and demos share it."""

    def __init__(self, start: datetime) -> None:
        self._now = start
        self._steady_s = 0.0

    def now(self) -> datetime:
        return self._now

    def steady_s(self) -> float:
        return self._steady_s

    def advance(self, *, seconds: float) -> None:
        """Time passes."""
        self._now += timedelta(seconds=seconds)
        self._steady_s += seconds

    def step(self, *, seconds: float) -> None:
        """Somebody sets the clock; no time passes."""
        self._now += timedelta(seconds=seconds)


def from_unix(time_s: float) -> datetime:
    """Timezone-aware UTC datetime of Unix seconds."""
    return datetime.fromtimestamp(time_s, UTC)

"""The time by the clock that stamps arrivals, also while nothing arrives.

Silence compares the last arrival with now. The stamps are of whoever wrote the message down (the broker's
machine, or this one), and either clock may be wrong, or set while we run. So now is the newest stamp and the
seconds that really passed since: when somebody sets a clock, nobody has been silent for the difference.
"""

from __future__ import annotations

from typing import Final

from server.kit.clock import Clock

JUMP_S: Final = 15.0
"""Stamps that differ by more from what was expected mean a clock that was set, or a backlog."""


class ArrivalClock:
    """One per pipeline."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ahead_s: float | None = None
        """Newest stamp less the steady time at which it was taken in; None before the first."""

    def heard(self, received_s: float) -> bool:
        """A message stamped so is being taken in; whether that is a jump (the first always is)."""
        ahead_s = received_s - self._clock.steady_s()
        jump = self._ahead_s is None or abs(ahead_s - self._ahead_s) > JUMP_S
        self._ahead_s = ahead_s
        return jump

    def now_s(self) -> float:
        """Unix seconds; of this machine's clock until the first message."""
        if self._ahead_s is None:
            return self._clock.now().timestamp()
        return self._clock.steady_s() + self._ahead_s

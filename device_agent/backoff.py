"""How long to wait before trying again: doubling, capped, and jittered.

The jitter keeps a thousand devices that lost the same broker from coming back in the same second.
"""

from random import Random


class Backoff:
    """Gives the next wait in seconds; ``reset`` after success."""

    def __init__(self, *, first_s: float, cap_s: float, rng: Random) -> None:
        if not 0 < first_s <= cap_s:
            raise ValueError("0 < first_s <= cap_s must hold")
        self._first_s = first_s
        self._cap_s = cap_s
        self._rng = rng
        self._ceiling_s = first_s

    def next_s(self) -> float:
        """Give a wait between half of the present ceiling and all of it, then raise the ceiling."""
        ceiling_s = self._ceiling_s
        self._ceiling_s = min(self._cap_s, ceiling_s * 2)
        return self._rng.uniform(ceiling_s / 2, ceiling_s)

    def reset(self) -> None:
        """Begin anew."""
        self._ceiling_s = self._first_s

"""Ever-rising counters as rates, which is what can be judged: a counter itself is always a record."""

from collections.abc import Callable, Mapping


class Rates:
    """Remembers the counts of the snapshot before; clock passed in."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._before: dict[str, float] = {}
        self._before_s = 0.0

    def per_second(self, counts: Mapping[str, float]) -> dict[str, float]:
        """Give the rise of each count per second; a count that is new here is left out."""
        now_s = self._monotonic()
        elapsed_s = now_s - self._before_s
        before, self._before, self._before_s = self._before, dict(counts), now_s
        if elapsed_s <= 0.0:
            return {}
        return {
            # A counter that went back was reset: what it shows is all there is.
            name: round((count - before[name] if count >= before[name] else count) / elapsed_s, 6)
            for name, count in counts.items()
            if name in before
        }

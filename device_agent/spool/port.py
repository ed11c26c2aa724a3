"""The spool's port.

Rules that every spool keeps, and that its contract suite checks:

- An entry is whole or not there. When it has become durable is the adapter's to say.
- ``after`` gives entries in the order of ``put``; ids only grow, also across restarts.
- Entries stay until ``delete``: what was sent but not acknowledged is given again after a restart.
- Above the quota entries go as ``retention`` says, each of them counted until ``forget_dropped``.
- Any method may be called from any thread. SpoolError means "not now": nothing has changed.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal, Protocol

# What an entry costs beside its payload: row, index and page overhead, measured and rounded up.
ENTRY_OVERHEAD_BYTES: Final = 64

Lane = Literal["all", "telemetry", "urgent"]
"""Urgent is whatever is not telemetry: events and results."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One message: which leaf of the device's topics it goes to, and since when it waits."""

    id: int
    leaf: str
    put_s: float
    payload: bytes


@dataclass(frozen=True, slots=True)
class Dropped:
    """What the quota has cost since it was last reported; times are when they were put.

    ``thinned`` of the ``count`` went while their neighbours stayed.
    """

    count: int = 0
    size_bytes: int = 0
    oldest_s: float = 0.0
    newest_s: float = 0.0
    thinned: int = 0

    def plus(self, put_s: float, payload_bytes: int, *, thinned: bool = False) -> "Dropped":
        """Give the sum with one more entry."""
        return Dropped(
            self.count + 1,
            self.size_bytes + payload_bytes,
            min(self.oldest_s, put_s) if self.count else put_s,
            max(self.newest_s, put_s) if self.count else put_s,
            self.thinned + thinned,
        )


@dataclass(frozen=True, slots=True)
class Depth:
    """How much waits, and since when the oldest does (unix seconds; None: nothing waits)."""

    count: int
    size_bytes: int
    oldest_s: float | None


class Spool(Protocol):
    """See the rules above."""

    def put(self, leaf: str, payload: bytes, put_s: float) -> int:
        """Keep a message; give its id. May drop others to stay within the quota."""
        ...

    def after(self, entry_id: int, limit: int, lane: Lane = "all") -> list[Entry]:
        """Give up to ``limit`` entries of a lane with greater ids, oldest first."""
        ...

    def delete(self, entry_ids: Iterable[int]) -> None:
        """Let acknowledged entries go; ids that are not there are ignored."""
        ...

    def newest_id(self) -> int:
        """Give the greatest id that was ever given; 0 before the first."""
        ...

    def count(self, lane: Lane = "all") -> int:
        """Say how many wait in a lane."""
        ...

    def depth(self) -> Depth:
        """Say how much waits."""
        ...

    def expire(self, now_s: float, keep_days: float) -> None:
        """Drop, and count, what has waited longer than ``keep_days``."""
        ...

    def settle(self) -> None:
        """Make durable what has waited long enough; raises SpoolError while the disk refuses."""
        ...

    def broken_file(self) -> str:
        """Give, once, where a damaged file was set aside; empty: there was none."""
        ...

    def dropped(self) -> Dropped:
        """Say what the quota has cost and nobody has reported yet."""
        ...

    def forget_dropped(self) -> None:
        """Take the loss as reported."""
        ...

    def close(self) -> None:
        """Free what is held; the spool can't be used afterwards."""
        ...

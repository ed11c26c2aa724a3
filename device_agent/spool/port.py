"""The spool's port.

Rules that every spool keeps, and that its contract suite checks:

- ``put`` returns only when the entry would survive a power cut; an entry is whole or not there.
- ``after`` gives entries in the order of ``put``; ids only grow, also across restarts.
- Entries stay until ``delete``: what was sent but not acknowledged is given again after a restart.
- Above the quota the oldest entries go, and every one of them is counted until ``forget_dropped``.
- Any method may be called from any thread. SpoolError means "not now": nothing has changed.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Protocol

# What an entry costs beside its payload: row, index and page overhead, measured and rounded up.
ENTRY_OVERHEAD_BYTES: Final = 64


@dataclass(frozen=True, slots=True)
class Entry:
    """One message: which leaf of the device's topics it goes to, and since when it waits."""

    id: int
    leaf: str
    put_s: float
    payload: bytes


@dataclass(frozen=True, slots=True)
class Dropped:
    """What the quota has cost since it was last reported; times are when they were put."""

    count: int = 0
    size_bytes: int = 0
    oldest_s: float = 0.0
    newest_s: float = 0.0

    def plus(self, entry: Entry) -> "Dropped":
        """Give the sum with one more entry."""
        return Dropped(
            self.count + 1,
            self.size_bytes + len(entry.payload),
            self.oldest_s if self.count else entry.put_s,
            entry.put_s,
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
        """Keep a message; give its id. May drop the oldest to stay within the quota."""
        ...

    def after(self, entry_id: int, limit: int) -> list[Entry]:
        """Give up to ``limit`` entries with greater ids, oldest first."""
        ...

    def delete(self, entry_ids: Iterable[int]) -> None:
        """Let acknowledged entries go; ids that are not there are ignored."""
        ...

    def depth(self) -> Depth:
        """Say how much waits."""
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

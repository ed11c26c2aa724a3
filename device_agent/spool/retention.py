"""What goes when the spool is full, or too old: a table of passes, tried in turn until there is room.

Old telemetry is thinned before any of it is lost altogether: first every second message of what is
older than an hour, then three of four, and so on to 63 of 64, so that a long outage stays visible from
end to end, only coarser. Then old telemetry goes, then that of the last hour, and last of all events
and results: they are few, and they say what happened.

Pure: a spool runs the passes over its entries, oldest first, in whatever way it keeps them.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

RECENT_S: Final = 3600.0
_THINNINGS: Final = 6
# Room is made for a while, not for one message: choosing costs a look at every entry.
_SLACK_SHARE: Final = 1 / 64


@dataclass(frozen=True, slots=True)
class Slot:
    """What the policy needs to know of an entry; ``size_bytes`` with its overhead."""

    id: int
    is_telemetry: bool
    put_s: float
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Pass:
    """Entries that may go: telemetry or the rest, only older than an hour or all; ``mask`` spares
    those whose id has none of its bits, so that what is spared is spread evenly.
    """

    telemetry: bool
    only_old: bool
    mask: int = 0

    @property
    def thins(self) -> bool:
        """Whether this pass leaves a part of what it looks at."""
        return self.mask != 0

    def takes(self, slot: Slot, newest_s: float) -> bool:
        """Tell whether an entry may go in this pass."""
        if slot.is_telemetry != self.telemetry:
            return False
        if self.only_old and slot.put_s > newest_s - RECENT_S:
            return False
        return not self.thins or slot.id & self.mask != 0


PASSES: Final = (
    *(Pass(telemetry=True, only_old=True, mask=(1 << n) - 1) for n in range(1, _THINNINGS + 1)),
    Pass(telemetry=True, only_old=True),
    Pass(telemetry=True, only_old=False),
    Pass(telemetry=False, only_old=False),
)


def to_free_bytes(size_bytes: int, quota_bytes: int) -> int:
    """Give how much has to go; 0 while the quota is kept."""
    if size_bytes <= quota_bytes:
        return 0
    return size_bytes - quota_bytes + int(quota_bytes * _SLACK_SHARE)


def victims(
    slots: Iterable[Slot], free_bytes: int, *, newest_s: float, keep_id: int
) -> Iterator[tuple[Slot, bool]]:
    """Give the entries to drop and whether each is thinned out; ``keep_id`` never goes.

    ``slots`` are oldest first; ``newest_s`` is when the newest was put.
    """
    left = [slot for slot in slots if slot.id != keep_id]
    for each in PASSES:
        kept: list[Slot] = []
        for slot in left:
            if free_bytes > 0 and each.takes(slot, newest_s):
                free_bytes -= slot.size_bytes
                yield slot, each.thins
            else:
                kept.append(slot)
        if free_bytes <= 0:
            return
        left = kept


def too_old(put_s: float, now_s: float, keep_days: float) -> bool:
    """Tell whether an entry has waited longer than it may."""
    return put_s < now_s - keep_days * 86_400.0

"""How much of what is refused is kept whole: a device gone mad must not fill the disk.

Of each device so many messages a minute, and so many of all devices together; the others are counted,
in one row for each device and minute. The minute is that of arrival.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from server.ingest.arrivals import Refusal

KEPT_A_MINUTE = 60
ALL_KEPT_A_MINUTE = 1_000


@dataclass(slots=True)
class Surplus:
    """Refused messages of one device within a minute that are counted only."""

    newest: Refusal
    messages: int = 0


@dataclass(slots=True)
class _Minute:
    number: int = -1
    kept: int = 0
    of_device: dict[str | None, int] = field(default_factory=dict)


class RefusalBudget:
    """One per pipeline."""

    def __init__(self) -> None:
        self._minute = _Minute()

    def split(self, refusals: Iterable[Refusal]) -> tuple[list[Refusal], list[Surplus]]:
        """Those to keep whole, in order, and how many there are besides, by device."""
        whole: list[Refusal] = []
        surplus: dict[str | None, Surplus] = {}
        for refusal in refusals:
            number = int(refusal.message.received_s // 60)
            # One minute back is another connection's; more, and the clock was set back.
            if number != self._minute.number and number != self._minute.number - 1:
                self._minute = _Minute(number)
            minute, device_id = self._minute, refusal.device_id
            so_far = minute.of_device.get(device_id, 0)
            if so_far < KEPT_A_MINUTE and minute.kept < ALL_KEPT_A_MINUTE:
                minute.of_device[device_id] = so_far + 1
                minute.kept += 1
                whole.append(refusal)
            else:
                more = surplus.setdefault(device_id, Surplus(refusal))
                more.newest = refusal
                more.messages += 1
        return whole, list(surplus.values())

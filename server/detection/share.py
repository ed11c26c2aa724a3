"""Which devices a pipeline is responsible for, where several share the work."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.orm import Session

from server.detection.checkpoints import SHARD
from server.detection.service import DeviceFilter, every_device


@dataclass(frozen=True, slots=True)
class Share:
    """Some of the devices, and the right to write for them."""

    name: str = SHARD
    """Of its checkpoint."""
    holds: DeviceFilter = every_device
    prove: Callable[[Session], None] = lambda _session: None
    """Raises when another process has taken the share over; asked in every transaction."""


EVERYTHING = Share()

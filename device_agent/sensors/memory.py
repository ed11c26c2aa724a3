"""Memory and swap."""

from dataclasses import dataclass
from typing import Final

import psutil

from device_agent.sensors.port import SensorDescription, Source

_MOST_BYTES: Final = float(2**50)


@dataclass(frozen=True, slots=True)
class MemorySnapshot:
    """What programs could still get, and how much of the whole is taken."""

    used_share: float
    available_bytes: float
    swap_used_share: float | None


DESCRIPTIONS: Final[tuple[SensorDescription[MemorySnapshot], ...]] = (
    SensorDescription("memory/used_share", "/", "share", (0.0, 1.0), lambda s: s.used_share),
    SensorDescription(
        "memory/available", "B", "bytes", (0.0, _MOST_BYTES), lambda s: s.available_bytes
    ),
)
SWAP: Final[SensorDescription[MemorySnapshot]] = SensorDescription(
    "swap/used_share", "/", "share", (0.0, 1.0), lambda s: s.swap_used_share
)


def source(period_s: float) -> Source[MemorySnapshot]:
    """Read memory; swap too where the machine has any."""
    has_swap = psutil.swap_memory().total > 0
    return Source("memory", period_s, _read, (*DESCRIPTIONS, SWAP) if has_swap else DESCRIPTIONS)


def _read() -> MemorySnapshot:
    memory = psutil.virtual_memory()
    swap = psutil.swap_memory()
    return MemorySnapshot(
        used_share=round(1 - memory.available / memory.total, 4),
        available_bytes=float(memory.available),
        swap_used_share=round(swap.used / swap.total, 4) if swap.total else None,
    )

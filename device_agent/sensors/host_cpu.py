"""Load of the processor, from the kernel's own counters."""

import os
from dataclasses import dataclass
from typing import Final

import psutil

from device_agent.sensors.port import SensorDescription, Source


@dataclass(frozen=True, slots=True)
class CpuSnapshot:
    """Shares of the time since the last snapshot; runnable tasks per core over a minute."""

    busy_share: float
    waiting_share: float
    queue_per_core: float


DESCRIPTIONS: Final[tuple[SensorDescription[CpuSnapshot], ...]] = (
    SensorDescription("cpu/load_share", "/", "share", (0.0, 1.0), lambda s: s.busy_share),
    SensorDescription("cpu/waiting_share", "/", "share", (0.0, 1.0), lambda s: s.waiting_share),
    SensorDescription(
        "cpu/queue_per_core", "/", "ratio", (0.0, 10_000.0), lambda s: s.queue_per_core
    ),
)


def source(period_s: float) -> Source[CpuSnapshot]:
    """Read the processor's load; the first snapshot covers the time since this call."""
    psutil.cpu_times_percent()  # starts the interval that the first snapshot ends
    return Source("cpu", period_s, _read, DESCRIPTIONS)


def _read() -> CpuSnapshot:
    times = psutil.cpu_times_percent()
    waiting = getattr(times, "iowait", 0.0)
    busy = max(0.0, 100.0 - times.idle - waiting)
    return CpuSnapshot(
        busy_share=round(busy / 100, 4),
        waiting_share=round(waiting / 100, 4),
        queue_per_core=round(os.getloadavg()[0] / (os.cpu_count() or 1), 3),
    )

"""Copy this file to add a sensor; ``docs/how-to/add-a-sensor.md`` has the steps.

It reads the kernel's pool of randomness, which every Linux has, so the example runs and is tested.
"""

from pathlib import Path
from typing import Final

from device_agent.sensors.port import SensorDescription, Source

# Metrics are rows of data: name, SenML unit, kind, physically possible range, and how to take the
# value out of one snapshot. A new metric of the same source is one more row.
DESCRIPTIONS: Final[tuple[SensorDescription[int], ...]] = (
    SensorDescription("example/entropy", "bit", "count", (0.0, 1e6), float),
)


def source(period_s: float) -> Source[int]:
    """Say in one line what is read; find out here, once, what the machine has."""
    return Source("example", period_s, _read, DESCRIPTIONS)


def _read() -> int:
    """Take one snapshot; let errors out: the sampler reports the sensor stale and tries again."""
    return int(Path("/proc/sys/kernel/random/entropy_avail").read_text(encoding="ascii"))

"""Copy this file to add a sensor; ``docs/how-to/add-a-sensor.md`` has the steps.

It reads the kernel's pool of randomness, which every Linux has, so the example runs and is tested.
"""

from typing import Final

from device_agent.sensor_settings import SourceSettings
from device_agent.sensors.port import AnySource, Around, SensorDescription, Source

# Metrics are rows of data: name, SenML unit, kind, physically possible range, and how to take the
# value out of one snapshot. A new metric of the same source is one more row.
DESCRIPTIONS: Final[tuple[SensorDescription[int], ...]] = (
    SensorDescription("example/entropy", "bit", "count", (0.0, 1e6), float),
)


def sources(settings: SourceSettings, around: Around) -> list[AnySource]:
    """Find out here, once, what the machine has; give a source for each, or none."""
    path = around.below("/proc/sys/kernel/random/entropy_avail")
    if not path.exists():
        return []

    def read() -> int:
        """Take one snapshot; let errors out: the sampler reports the sensor stale and tries again."""
        return int(path.read_text(encoding="ascii"))

    # A read that could ever block (hardware, network, a program) gives a deadline as well.
    return [Source("example", settings.period_s, read, DESCRIPTIONS)]

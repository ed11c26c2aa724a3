"""How long the machine has been up; it starts again at zero with every reboot."""

from typing import Final

from device_agent.sensor_settings import SlowSettings
from device_agent.sensors.port import AnySource, Around, SensorDescription, Source

_CENTURY_S: Final = 3.2e9

UPTIME: Final[SensorDescription[float]] = SensorDescription(
    "host/uptime", "s", "counter", (0.0, _CENTURY_S), lambda seconds: seconds
)


def sources(settings: SlowSettings, around: Around) -> list[AnySource]:
    """Read the kernel's uptime."""
    path = around.below("/proc/uptime")

    def read() -> float:
        return float(path.read_text(encoding="ascii").split()[0])

    return [Source("uptime", settings.period_s, read, (UPTIME,))]

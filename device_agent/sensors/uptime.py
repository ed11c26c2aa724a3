"""How long the machine has been up; it starts again at zero with every reboot."""

from pathlib import Path
from typing import Final

from device_agent.sensors.port import SensorDescription, Source

_CENTURY_S: Final = 3.2e9

UPTIME: Final[SensorDescription[float]] = SensorDescription(
    "host/uptime", "s", "counter", (0.0, _CENTURY_S), lambda seconds: seconds
)


def source(period_s: float) -> Source[float]:
    """Read the kernel's uptime."""
    return Source("uptime", period_s, _read, (UPTIME,))


def _read() -> float:
    return float(Path("/proc/uptime").read_text(encoding="ascii").split()[0])

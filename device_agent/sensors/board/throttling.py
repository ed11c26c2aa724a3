"""A Raspberry Pi's under-voltage and throttling, as its firmware tells the kernel."""

from pathlib import Path
from typing import Final

from device_agent.sensor_settings import SourceSettings
from device_agent.sensors.port import AnySource, Around, SensorDescription, Source

_PATH: Final = "/sys/devices/platform/soc/soc:firmware/get_throttled"
# Asking the firmware goes through a mailbox.
_DEADLINE_S: Final = 5.0


def _bit(name: str, number: int) -> SensorDescription[int]:
    return SensorDescription(name, "", "fault", (0.0, 1.0), lambda bits: bool(bits >> number & 1))


DESCRIPTIONS: Final[tuple[SensorDescription[int], ...]] = (
    _bit("board/under_voltage", 0),
    _bit("board/frequency_capped", 1),
    _bit("board/throttled", 2),
    _bit("board/soft_temperature_limit", 3),
    # These stay until the next start, so a dip between two readings is seen too.
    _bit("board/under_voltage_since_boot", 16),
    _bit("board/frequency_capped_since_boot", 17),
    _bit("board/throttled_since_boot", 18),
    _bit("board/soft_temperature_limit_since_boot", 19),
)


def sources(settings: SourceSettings, around: Around) -> list[AnySource]:
    """Read the bits where there is such firmware."""
    path = around.below(_PATH)
    if not path.exists():
        return []
    return [Source("board", settings.period_s, lambda: _bits(path), DESCRIPTIONS, _DEADLINE_S)]


def _bits(path: Path) -> int:
    """Read the bits: hexadecimal, with or without 0x."""
    return int(path.read_text(encoding="ascii"), 16)

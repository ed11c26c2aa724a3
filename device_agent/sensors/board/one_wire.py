"""Thermometers on a 1-wire bus: DS18B20 and its relatives, through the kernel's w1_therm."""

import re
from pathlib import Path
from typing import Final

from device_agent.errors import SensorError
from device_agent.sensor_settings import SourceSettings
from device_agent.sensors.port import AnySource, Around, SensorDescription, Source, slug

_FAMILIES: Final = ("10-", "22-", "28-", "3b-", "42-")
# A conversion takes 0.75 s, and the bus is shared.
_DEADLINE_S: Final = 15.0
_POSSIBLE_CELSIUS: Final = (-55.0, 125.0)
# What the chip holds until its first conversion, so also when its supply fails during one.
_POWER_ON_CELSIUS: Final = 85.0
_NEAR_POWER_ON_CELSIUS: Final = 75.0
_VALUE: Final = re.compile(r"crc=[0-9a-f]{2} (YES|NO)\b.*?\bt=(-?\d+)", re.DOTALL)


def sources(settings: SourceSettings, around: Around) -> list[AnySource]:
    """Find every thermometer that answers the bus now; its address is its name."""
    folder = around.below("/sys/bus/w1/devices")
    chips = sorted(path for path in folder.glob("*-*") if path.name.startswith(_FAMILIES))
    return [_source(chip, settings.period_s) for chip in chips]


def _source(chip: Path, period_s: float) -> Source[float]:
    name = f"temperature/w1-{slug(chip.name)}"
    row: SensorDescription[float] = SensorDescription(
        name, "Cel", "temperature", _POSSIBLE_CELSIUS, lambda celsius: celsius
    )
    return Source(name, period_s, _Thermometer(chip).read, (row,), _DEADLINE_S)


class _Thermometer:
    def __init__(self, chip: Path) -> None:
        self._chip = chip
        self._last_celsius = 0.0

    def read(self) -> float:
        """Give the temperature; raises SensorError for a broken checksum and for no conversion."""
        found = _VALUE.search((self._chip / "w1_slave").read_text(encoding="ascii"))
        if found is None:
            raise SensorError("the driver's answer can't be read")
        celsius = int(found[2]) / 1000
        if found[1] != "YES":
            raise SensorError("checksum is wrong: check the cable")
        if celsius == _POWER_ON_CELSIUS and self._last_celsius < _NEAR_POWER_ON_CELSIUS:
            raise SensorError("85 °C at once: the chip was not powered while it measured")
        self._last_celsius = celsius
        return celsius

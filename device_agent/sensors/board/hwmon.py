"""Voltages, fans, currents, powers, humidity and alarms of hwmon chips (also those on I2C)."""

import re
from pathlib import Path
from typing import Final

from device_agent.sensor_settings import SourceSettings
from device_agent.sensors.naming import apart, text_of
from device_agent.sensors.port import AnySource, Around, SensorDescription, Source, slug

_CHANNEL: Final = re.compile(r"(in|fan|curr|power|humidity)(\d+)_(?:input|average)")
_ALARM: Final = re.compile(r"(?:in|fan|curr|power|temp|intrusion)\d+(?:_\w+)?_alarm")
_DEADLINE_S: Final = 5.0
# What is measured → unit, kind, factor from the kernel's integers, limits.
_KINDS: Final[dict[str, tuple[str, str, float, tuple[float, float]]]] = {
    "in": ("V", "voltage", 1e-3, (-1e4, 1e4)),
    "fan": ("1/min", "speed", 1.0, (0.0, 1e5)),
    "curr": ("A", "current", 1e-3, (-1e4, 1e4)),
    "power": ("W", "power", 1e-6, (-1e7, 1e7)),
    "humidity": ("%RH", "humidity", 1e-3, (0.0, 100.0)),
}


def sources(settings: SourceSettings, around: Around) -> list[AnySource]:
    """Find every channel that is there now; thermometers are ``temperature``'s."""
    chips = sorted(around.below("/sys/class/hwmon").glob("hwmon*"))
    named = ((slug(text_of(chip / "name") or chip.name), chip) for chip in chips)
    return [
        source
        for name, chip in apart(named).items()
        for source in (*_channels(name, chip, settings), *_alarms(name, chip, settings))
    ]


def _channels(name: str, chip: Path, settings: SourceSettings) -> list[AnySource]:
    found: dict[str, tuple[str, Path]] = {}
    for path in sorted(chip.glob("*")):
        if channel := _CHANNEL.fullmatch(path.name):
            # Some powers are given averaged and as they are: one of them will do.
            found.setdefault(channel[1] + channel[2], (channel[1], path))
    labelled = (
        (slug(text_of(chip / f"{channel}_label") or channel), what)
        for channel, what in found.items()
    )
    return [
        _source(f"hwmon/{name}/{label}", kind, path, settings.period_s)
        for label, (kind, path) in apart(labelled).items()
    ]


def _source(name: str, kind: str, path: Path, period_s: float) -> Source[int]:
    unit, measured, factor, limits = _KINDS[kind]
    row: SensorDescription[int] = SensorDescription(
        name, unit, measured, limits, lambda number: round(number * factor, 6)
    )
    return Source(name, period_s, lambda: _number(path), (row,), _DEADLINE_S)


def _alarms(name: str, chip: Path, settings: SourceSettings) -> list[AnySource]:
    paths = [path for path in sorted(chip.glob("*_alarm")) if _ALARM.fullmatch(path.name)]
    if not paths:
        return []
    row: SensorDescription[list[int]] = SensorDescription(
        f"hwmon/{name}/alarm", "", "fault", (0.0, 1.0), any
    )

    def read() -> list[int]:
        return [_number(path) for path in paths]

    return [Source(row.name, settings.period_s, read, (row,), _DEADLINE_S)]


def _number(path: Path) -> int:
    return int(path.read_text(encoding="ascii"))

"""The kernel's thermometers: thermal zones and hwmon chips under /sys."""

from pathlib import Path
from typing import Final

from device_agent.sensor_settings import SourceSettings
from device_agent.sensors.naming import apart, text_of
from device_agent.sensors.port import AnySource, Around, SensorDescription, Source, slug

_POSSIBLE_CELSIUS: Final = (-60.0, 150.0)
_DEADLINE_S: Final = 5.0


def sources(settings: SourceSettings, around: Around) -> list[AnySource]:
    """Find every thermometer that is there now; names are unique and stable across restarts."""
    classes = around.below("/sys/class")
    found = apart((*_zones(classes), *_chips(classes)))
    return [_source(name, path, settings.period_s) for name, path in found.items()]


def _zones(classes: Path) -> list[tuple[str, Path]]:
    zones = sorted(classes.glob("thermal/thermal_zone*"))
    return [
        (slug(text_of(z / "type") or z.name), z / "temp") for z in zones if _is_readable(z / "temp")
    ]


def _chips(classes: Path) -> list[tuple[str, Path]]:
    found = []
    for value_path in sorted(classes.glob("hwmon/hwmon*/temp*_input")):
        chip, channel = value_path.parent, value_path.name.removesuffix("_input")
        # A thermal zone shows up here a second time, under the zone's own name.
        if (chip / "device" / "type").exists() or not _is_readable(value_path):
            continue
        label = text_of(chip / f"{channel}_label") or channel
        found.append((f"{slug(text_of(chip / 'name') or chip.name)}-{slug(label)}", value_path))
    return found


def _source(name: str, path: Path, period_s: float) -> Source[float]:
    description: SensorDescription[float] = SensorDescription(
        f"temperature/{name}", "Cel", "temperature", _POSSIBLE_CELSIUS, lambda celsius: celsius
    )
    return Source(
        f"temperature/{name}", period_s, lambda: _celsius(path), (description,), _DEADLINE_S
    )


def _celsius(path: Path) -> float:
    return int(path.read_text(encoding="ascii")) / 1000


def _is_readable(path: Path) -> bool:
    try:
        _celsius(path)
    except (OSError, ValueError):
        return False
    return True

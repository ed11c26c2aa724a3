"""The kernel's thermometers: thermal zones and hwmon chips under /sys."""

from pathlib import Path
from typing import Final

from device_agent.sensors.port import SensorDescription, Source, slug

_POSSIBLE_CELSIUS: Final = (-60.0, 150.0)


def sources(sys_root: Path, period_s: float) -> list[Source[float]]:
    """Find every thermometer that is there now; names are unique and stable across restarts."""
    found: dict[str, Path] = {}
    for label, path in (*_zones(sys_root), *_chips(sys_root)):
        name = label
        number = 2
        while name in found:
            name = f"{label}-{number}"
            number += 1
        found[name] = path
    return [_source(name, path, period_s) for name, path in found.items()]


def _zones(sys_root: Path) -> list[tuple[str, Path]]:
    zones = sorted(sys_root.glob("class/thermal/thermal_zone*"))
    return [
        (slug(_text(z / "type") or z.name), z / "temp") for z in zones if _is_readable(z / "temp")
    ]


def _chips(sys_root: Path) -> list[tuple[str, Path]]:
    found = []
    for value_path in sorted(sys_root.glob("class/hwmon/hwmon*/temp*_input")):
        chip, channel = value_path.parent, value_path.name.removesuffix("_input")
        # A thermal zone shows up here a second time, under the zone's own name.
        if (chip / "device" / "type").exists() or not _is_readable(value_path):
            continue
        label = _text(chip / f"{channel}_label") or channel
        found.append((f"{slug(_text(chip / 'name') or chip.name)}-{slug(label)}", value_path))
    return found


def _source(name: str, path: Path, period_s: float) -> Source[float]:
    description: SensorDescription[float] = SensorDescription(
        f"temperature/{name}", "Cel", "temperature", _POSSIBLE_CELSIUS, lambda celsius: celsius
    )
    return Source(f"temperature/{name}", period_s, lambda: _celsius(path), (description,))


def _celsius(path: Path) -> float:
    return int(path.read_text(encoding="ascii")) / 1000


def _is_readable(path: Path) -> bool:
    try:
        _celsius(path)
    except (OSError, ValueError):
        return False
    return True


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""

"""Sensors of the kernel's industrial I/O: climate, light, analogue inputs, acceleration.

A channel gives its value in the unit that the kernel's ABI lays down (``in_temp_input``), or raw, to be
made one by ``(raw + offset) * scale``, where both may be shared by all channels of a kind.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from device_agent.sensor_settings import SourceSettings
from device_agent.sensors.naming import apart, text_of
from device_agent.sensors.port import AnySource, Around, SensorDescription, Source, slug

_CHANNEL: Final = re.compile(r"in_(([a-z]+)(\d*)(?:[_-][a-z0-9_-]+?)?)_(input|raw)")
_DEADLINE_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class _Kind:
    """What the kernel calls a quantity → ours; ``factor`` is from the kernel's unit to SenML's."""

    title: str
    unit: str
    factor: float
    limits: tuple[float, float] | None


_KINDS: Final = {
    "temp": _Kind("temperature", "Cel", 1e-3, (-273.15, 2000.0)),
    "humidityrelative": _Kind("humidity", "%RH", 1e-3, (0.0, 100.0)),
    "pressure": _Kind("pressure", "Pa", 1e3, (0.0, 1e9)),
    "illuminance": _Kind("illuminance", "lx", 1.0, (0.0, 1e6)),
    "voltage": _Kind("voltage", "V", 1e-3, (-1e5, 1e5)),
    "current": _Kind("current", "A", 1e-3, (-1e5, 1e5)),
    "power": _Kind("power", "W", 1e-3, (-1e8, 1e8)),
    "resistance": _Kind("resistance", "Ohm", 1.0, (0.0, 1e12)),
    "accel": _Kind("acceleration", "m/s2", 1.0, (-1e4, 1e4)),
    "anglvel": _Kind("angular_velocity", "rad/s", 1.0, (-1e4, 1e4)),
    "magn": _Kind("magnetic_field", "T", 1e-4, (-100.0, 100.0)),
    "distance": _Kind("distance", "m", 1.0, (0.0, 1e6)),
    "proximity": _Kind("proximity", "", 1.0, None),
    "intensity": _Kind("intensity", "", 1.0, None),
    "concentration": _Kind("concentration", "/", 1e-2, (0.0, 1.0)),
    "ph": _Kind("ph", "pH", 1.0, (0.0, 14.0)),
}


def sources(settings: SourceSettings, around: Around) -> list[AnySource]:
    """Find every channel of every device that is there now."""
    devices = sorted(around.below("/sys/bus/iio/devices").glob("iio:device*"))
    named = ((slug(text_of(d / "label") or text_of(d / "name") or d.name), d) for d in devices)
    return [
        source
        for name, device in apart(named).items()
        for source in _channels(name, device, settings.period_s)
    ]


def _channels(device_name: str, device: Path, period_s: float) -> list[AnySource]:
    found: dict[str, tuple[_Kind, str, bool]] = {}
    for path in sorted(device.glob("in_*")):
        channel = _CHANNEL.fullmatch(path.name)
        if channel is None or channel[2] not in _KINDS:
            continue
        # "input" sorts before "raw": a value that needs no sum is preferred.
        found.setdefault(channel[1], (_KINDS[channel[2]], channel[2], channel[4] == "raw"))
    return [
        _source(
            f"iio/{device_name}/{_title(channel, kind, what)}", device, channel, kind, raw, period_s
        )
        for channel, (kind, what, raw) in found.items()
        for what in (what,)
    ]


def _title(channel: str, kind: _Kind, what: str) -> str:
    return kind.title + slug(channel)[len(what) :]


def _source(
    name: str, device: Path, channel: str, kind: _Kind, is_raw: bool, period_s: float
) -> Source[float]:
    def read() -> float:
        if not is_raw:
            return _number(device / f"in_{channel}_input")
        raw = _number(device / f"in_{channel}_raw")
        return (raw + _shared(device, channel, "offset", 0.0)) * _shared(
            device, channel, "scale", 1.0
        )

    row: SensorDescription[float] = SensorDescription(
        name, kind.unit, kind.title, kind.limits, lambda value: round(value * kind.factor, 9)
    )
    return Source(name, period_s, read, (row,), _DEADLINE_S)


def _shared(device: Path, channel: str, leaf: str, default: float) -> float:
    """Give the channel's own scale or offset, else that of all channels like it."""
    kinds = re.sub(r"\d+", "", channel)  # "voltage-voltage" of a differential channel
    for owner in (channel, kinds, kinds.partition("-")[0].partition("_")[0]):
        path = device / f"in_{owner}_{leaf}"
        if path.exists():
            return _number(path)
    return default


def _number(path: Path) -> float:
    return float(path.read_text(encoding="ascii"))

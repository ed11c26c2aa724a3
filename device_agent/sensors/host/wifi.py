"""Strength of the Wi-Fi signal, from /proc/net/wireless."""

from pathlib import Path
from typing import Final

from device_agent.errors import SensorError
from device_agent.sensor_settings import SourceSettings
from device_agent.sensors.port import AnySource, Around, SensorDescription, Source, slug
from device_agent.sensors.rates import Rates

_HEAD_LINES: Final = 2
_BEST_LINK: Final = 70.0
_Found = dict[str, float]


def sources(settings: SourceSettings, around: Around) -> list[AnySource]:
    """Read every interface that has a radio now."""
    table = around.below("/proc/net/wireless")
    try:
        names = sorted(_rows(table))
    except OSError:
        return []
    return [_source(name, table, settings.period_s, around) for name in names]


def _source(interface: str, table: Path, period_s: float, around: Around) -> Source[_Found]:
    name = f"wifi/{slug(interface)}"
    rates = Rates(around.monotonic)

    def read() -> _Found:
        fields = _rows(table).get(interface)
        if fields is None:
            raise SensorError("not connected")
        link, level = fields[1], fields[2]
        # Old drivers give the level as a byte, 256 too high.
        level = level - 256 if level > 0 else level
        lost = rates.per_second({"lost": sum(fields[4:10])})
        return {"link": min(1.0, round(link / _BEST_LINK, 3)), "level": level, **lost}

    rows: tuple[SensorDescription[_Found], ...] = (
        SensorDescription(f"{name}/signal", "dBm", "signal", (-200.0, 30.0), lambda s: s["level"]),
        SensorDescription(f"{name}/link_share", "/", "share", (0.0, 1.0), lambda s: s["link"]),
        SensorDescription(f"{name}/lost", "1/s", "rate", (0.0, 1e9), lambda s: s.get("lost")),
    )
    return Source(name, period_s, read, rows)


def _rows(table: Path) -> dict[str, list[float]]:
    """Give status, link, level, noise, then what was lost and why, by interface."""
    found: dict[str, list[float]] = {}
    for line in table.read_text(encoding="ascii").splitlines()[_HEAD_LINES:]:
        name, _, rest = line.partition(":")
        fields = rest.split()
        if len(fields) >= 10:
            # The status is hexadecimal; a dot behind a number means "updated".
            numbers = [float(field.rstrip(".")) for field in fields[1:10]]
            found[name.strip()] = [float(int(fields[0], 16)), *numbers]
    return found

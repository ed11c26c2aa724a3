"""Memory, swap, and programs that were ended because there was none."""

from pathlib import Path
from typing import Final

from device_agent.sensor_settings import SourceSettings
from device_agent.sensors.port import AnySource, Around, SensorDescription, Source
from device_agent.sensors.rates import Rates

_MOST_BYTES: Final = float(2**50)
_Found = dict[str, float]

DESCRIPTIONS: Final[tuple[SensorDescription[_Found], ...]] = (
    SensorDescription("memory/used_share", "/", "share", (0.0, 1.0), lambda s: s["used_share"]),
    SensorDescription(
        "memory/available", "B", "bytes", (0.0, _MOST_BYTES), lambda s: s["available"]
    ),
    SensorDescription("memory/oom_kills", "1/s", "rate", (0.0, 1e6), lambda s: s.get("oom_kill")),
)
SWAP: Final[tuple[SensorDescription[_Found], ...]] = (
    SensorDescription("swap/used_share", "/", "share", (0.0, 1.0), lambda s: s.get("swap_share")),
    SensorDescription("swap/pages", "1/s", "rate", (0.0, 1e9), lambda s: s.get("pages")),
)


def sources(settings: SourceSettings, around: Around) -> list[AnySource]:
    """Read memory; swap too where the machine has any."""
    meter = _Meter(around)
    has_swap = _table(meter.info).get("SwapTotal", 0.0) > 0.0
    rows = (*DESCRIPTIONS, *SWAP) if has_swap else DESCRIPTIONS
    return [Source("memory", settings.period_s, meter.read, rows)]


class _Meter:
    def __init__(self, around: Around) -> None:
        self.info = around.below("/proc/meminfo")
        self._events = around.below("/proc/vmstat")
        self._rates = Rates(around.monotonic)
        self._rates.per_second(self._counts())

    def read(self) -> _Found:
        table = _table(self.info)
        total, available = table["MemTotal"], table["MemAvailable"]
        found = self._rates.per_second(self._counts())
        found["used_share"] = round(1 - available / total, 4)
        found["available"] = available * 1024
        if swap := table.get("SwapTotal"):
            found["swap_share"] = round(1 - table["SwapFree"] / swap, 4)
        return found

    def _counts(self) -> _Found:
        table = _table(self._events)
        pages = table.get("pswpin", 0.0) + table.get("pswpout", 0.0)
        kills = {"oom_kill": table["oom_kill"]} if "oom_kill" in table else {}
        return {"pages": pages, **kills}


def _table(path: Path) -> _Found:
    """Give the numbers of a file of names and numbers (``MemTotal:  1024 kB``)."""
    lines = (line.split() for line in path.read_text(encoding="ascii").splitlines())
    return {fields[0].rstrip(":"): float(fields[1]) for fields in lines if len(fields) > 1}

"""Load of the processor, from the kernel's own counters."""

from pathlib import Path
from typing import Final

from device_agent.errors import SensorError
from device_agent.sensor_settings import SourceSettings
from device_agent.sensors.port import AnySource, Around, SensorDescription, Source
from device_agent.sensors.rates import Rates

_Shares = dict[str, float]

DESCRIPTIONS: Final[tuple[SensorDescription[_Shares], ...]] = (
    SensorDescription("cpu/load_share", "/", "share", (0.0, 1.0), lambda s: s.get("busy")),
    SensorDescription("cpu/waiting_share", "/", "share", (0.0, 1.0), lambda s: s.get("waiting")),
    SensorDescription("cpu/queue_per_core", "/", "ratio", (0.0, 10_000.0), lambda s: s["queue"]),
)


def sources(settings: SourceSettings, around: Around) -> list[AnySource]:
    """Read the processor's load; the first snapshot covers the time since this call."""
    meter = _Meter(around)
    return [Source("cpu", settings.period_s, meter.read, DESCRIPTIONS)]


class _Meter:
    def __init__(self, around: Around) -> None:
        self._stat = around.below("/proc/stat")
        self._load = around.below("/proc/loadavg")
        self._rates = Rates(around.monotonic)
        self._rates.per_second(_times(self._stat)[0])

    def read(self) -> _Shares:
        times, cores = _times(self._stat)
        rates = self._rates.per_second(times)
        whole = sum(rates.values())
        queue = float(self._load.read_text(encoding="ascii").split()[0])
        found = {"queue": round(queue / cores, 3)}
        if whole > 0.0:
            found["waiting"] = round(rates["waiting"] / whole, 4)
            found["busy"] = round(rates["busy"] / whole, 4)
        return found


def _times(path: Path) -> tuple[dict[str, float], int]:
    """Give ticks since the start, by what they were spent on, and the number of cores."""
    lines = path.read_text(encoding="ascii").splitlines()
    fields = lines[0].split()
    if fields[0] != "cpu" or len(fields) < 6:
        raise SensorError("the kernel's first line is not the sum of processors")
    # Guests' time (fields 9 and 10) is part of user's time already.
    ticks = [float(field) for field in fields[1:9]]
    cores = sum(line.startswith("cpu") for line in lines) - 1
    idle, waiting = ticks[3], ticks[4]
    return {"idle": idle, "waiting": waiting, "busy": sum(ticks) - idle - waiting}, max(1, cores)

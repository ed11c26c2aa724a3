"""Traffic of disks, and how long their programs wait, from /proc/diskstats."""

import re
from pathlib import Path
from typing import Final

from device_agent.errors import SensorError
from device_agent.sensor_settings import SourceSettings
from device_agent.sensors.port import AnySource, Around, SensorDescription, Source, slug
from device_agent.sensors.rates import Rates

_WHOLE_DISK: Final = re.compile(r"(sd|vd|xvd|hd)[a-z]+|nvme\d+n\d+|mmcblk\d+")
# The kernel counts in these whatever the disk's own sectors are.
_SECTOR_BITS: Final = 512 * 8
_Found = dict[str, float]


def sources(settings: SourceSettings, around: Around) -> list[AnySource]:
    """Read every whole disk; partitions and virtual devices are parts of one."""
    table = around.below("/proc/diskstats")
    try:
        names = [name for name in _rows(table) if _WHOLE_DISK.fullmatch(name)]
    except OSError:
        return []
    return [_source(name, table, settings.period_s, around) for name in sorted(names)]


def _source(disk: str, table: Path, period_s: float, around: Around) -> Source[_Found]:
    rates = Rates(around.monotonic)

    def read() -> _Found:
        rows = _rows(table)
        if disk not in rows:
            raise SensorError(f"there is no disk {disk}")
        return rates.per_second(_counts(rows[disk]))

    read()
    rows: tuple[SensorDescription[_Found], ...] = (
        SensorDescription(
            f"io/{slug(disk)}/read", "bit/s", "rate", (0.0, 1e12), lambda s: s.get("read")
        ),
        SensorDescription(
            f"io/{slug(disk)}/written", "bit/s", "rate", (0.0, 1e12), lambda s: s.get("written")
        ),
        SensorDescription(f"io/{slug(disk)}/busy_share", "/", "share", (0.0, 1.0), _busy_share),
        SensorDescription(f"io/{slug(disk)}/wait", "s", "duration", (0.0, 3600.0), _wait_s),
    )
    return Source(f"io/{slug(disk)}", period_s, read, rows)


def _busy_share(rates: _Found) -> float | None:
    # Ticks of the kernel and of our clock can differ by a hair.
    return min(1.0, round(rates["busy"], 4)) if "busy" in rates else None


def _wait_s(rates: _Found) -> float | None:
    """Give the mean time that a finished request took; nothing to say while there was none."""
    return round(rates["spent"] / rates["done"], 5) if rates.get("done") else None


def _counts(fields: list[str]) -> _Found:
    numbers = [float(field) for field in fields]
    return {
        "done": numbers[0] + numbers[4],
        "read": numbers[2] * _SECTOR_BITS,
        "written": numbers[6] * _SECTOR_BITS,
        "spent": (numbers[3] + numbers[7]) / 1000,
        "busy": numbers[9] / 1000,
    }


def _rows(table: Path) -> dict[str, list[str]]:
    lines = (line.split() for line in table.read_text(encoding="ascii").splitlines())
    return {fields[2]: fields[3:] for fields in lines if len(fields) >= 14}

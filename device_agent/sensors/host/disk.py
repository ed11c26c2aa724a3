"""Space on file systems, the commonest way for a device to die, and whether they can be written."""

import os
from typing import Final

from device_agent.errors import SensorError
from device_agent.sensor_settings import DiskSettings
from device_agent.sensors.port import AnySource, Around, SensorDescription, Source, slug

_MOST_BYTES: Final = float(2**60)
# A network file system whose server is gone blocks for ever.
_DEADLINE_S: Final = 5.0


def sources(settings: DiskSettings, around: Around) -> list[AnySource]:
    """Read the file systems mounted at the given paths."""
    return [
        made
        for path in settings.paths
        for made in (
            _space(path, settings.period_s, around),
            _mount(path, settings.period_s, around),
        )
    ]


def _name(path: str) -> str:
    return "root" if path == "/" else slug(path.strip("/").replace("/", "-"))


def _space(path: str, period_s: float, around: Around) -> Source[os.statvfs_result]:
    name, place = _name(path), around.below(path)
    return Source(
        f"disk/{name}",
        period_s,
        lambda: os.statvfs(place),
        (
            SensorDescription(f"disk/{name}/used_share", "/", "share", (0.0, 1.0), _used_share),
            SensorDescription(f"disk/{name}/free", "B", "bytes", (0.0, _MOST_BYTES), _free_bytes),
            SensorDescription(f"disk/{name}/files_share", "/", "share", (0.0, 1.0), _files_share),
        ),
        _DEADLINE_S,
    )


def _mount(path: str, period_s: float, around: Around) -> Source[bool]:
    """The kernel turns a file system read-only when its disk fails: the options say so."""
    name, table = _name(path), around.below("/proc/self/mounts")
    description: SensorDescription[bool] = SensorDescription(
        f"disk/{name}/read_only", "", "fault", (0.0, 1.0), lambda is_read_only: is_read_only
    )

    def read() -> bool:
        return "ro" in _options(table.read_text(encoding="utf-8", errors="replace"), path)

    return Source(f"disk/{name}/mount", period_s, read, (description,))


def _options(mounts: str, path: str) -> list[str]:
    """Give the options of the file system that holds a path; the last mount there is the one on top."""
    best, options = "", None
    for line in mounts.splitlines():
        fields = line.split()
        if len(fields) < 4:
            continue
        point = fields[1].replace("\\040", " ")
        inside = point == "/" or path.rstrip("/") == point or path.startswith(point + "/")
        if inside and len(point) >= len(best):
            best, options = point, fields[3].split(",")
    if options is None:
        raise SensorError("no file system is mounted there")
    return options


def _used_share(disk: os.statvfs_result) -> float | None:
    """What `df` shows: of the space that programs may use, the part taken."""
    used = disk.f_blocks - disk.f_bfree
    whole = used + disk.f_bavail
    return round(used / whole, 5) if whole else None


def _free_bytes(disk: os.statvfs_result) -> float:
    return float(disk.f_bavail * disk.f_frsize)


def _files_share(disk: os.statvfs_result) -> float | None:
    return round(1 - disk.f_ffree / disk.f_files, 5) if disk.f_files else 0.0

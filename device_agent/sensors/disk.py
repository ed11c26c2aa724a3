"""Space on file systems; a full disk is the commonest way for a device to die."""

import os
from typing import Final

from device_agent.sensors.port import SensorDescription, Source, slug

_MOST_BYTES: Final = float(2**60)


def source(path: str, period_s: float) -> Source[os.statvfs_result]:
    """Read the file system mounted at ``path``."""
    name = "root" if path == "/" else slug(path.strip("/").replace("/", "-"))
    return Source(
        f"disk/{name}",
        period_s,
        lambda: os.statvfs(path),
        (
            SensorDescription(f"disk/{name}/used_share", "/", "share", (0.0, 1.0), _used_share),
            SensorDescription(f"disk/{name}/free", "B", "bytes", (0.0, _MOST_BYTES), _free_bytes),
            SensorDescription(f"disk/{name}/files_share", "/", "share", (0.0, 1.0), _files_share),
        ),
    )


def _used_share(disk: os.statvfs_result) -> float | None:
    """What `df` shows: of the space that programs may use, the part taken."""
    used = disk.f_blocks - disk.f_bfree
    whole = used + disk.f_bavail
    return round(used / whole, 5) if whole else None


def _free_bytes(disk: os.statvfs_result) -> float:
    return float(disk.f_bavail * disk.f_frsize)


def _files_share(disk: os.statvfs_result) -> float | None:
    return round(1 - disk.f_ffree / disk.f_files, 5) if disk.f_files else 0.0

"""Notices that the machine was restarted since the agent last ran."""

from pathlib import Path
from typing import Final

from device_agent.wire import DeviceEvent

_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
_UPTIME: Final = Path("/proc/uptime")


def reboot_event(
    directory: Path, now_s: float, boot_id_path: Path = _BOOT_ID
) -> DeviceEvent | None:
    """Give a ``reboot`` event dated when the kernel started; None if it is the same start as ever."""
    note = directory / "boot_id"
    try:
        current = boot_id_path.read_text(encoding="ascii").strip()
        before = note.read_text(encoding="ascii").strip() if note.exists() else None
        if current == before:
            return None
        note.write_text(current, encoding="ascii")
        uptime_s = float(_UPTIME.read_text(encoding="ascii").split()[0])
    except (OSError, ValueError):
        return None
    if before is None:
        return None
    return DeviceEvent("reboot", round(now_s - uptime_s, 3), {"noticed_s": now_s})

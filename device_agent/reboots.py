"""Notices that the machine was restarted since the agent last ran, and why as far as is known."""

from contextlib import suppress
from pathlib import Path
from typing import Final

from device_agent.boot_reason import boot_reason
from device_agent.wire import DeviceEvent

_ROOT: Final = Path("/")
_BOOT_ID: Final = "proc/sys/kernel/random/boot_id"


def reboot_event(directory: Path, now_s: float, root: Path = _ROOT) -> DeviceEvent | None:
    """Give a ``reboot`` event dated when the kernel started; None if it is the same start as ever."""
    note = directory / "boot_id"
    try:
        left_cleanly = _take_note(directory)
        current = (root / _BOOT_ID).read_text(encoding="ascii").strip()
        before = note.read_text(encoding="ascii").strip() if note.exists() else None
        if current == before:
            return None
        note.write_text(current, encoding="ascii")
        uptime_s = float((root / "proc/uptime").read_text(encoding="ascii").split()[0])
    except (OSError, ValueError):
        return None
    if before is None:
        return None
    reason = boot_reason(root, left_cleanly=left_cleanly)
    return DeviceEvent("reboot", round(now_s - uptime_s, 3), {"noticed_s": now_s, "reason": reason})


def note_leaving(directory: Path) -> None:
    """Note that the agent was asked to stop: a start of the machine that follows was no accident."""
    with suppress(OSError):
        _note(directory).write_text("", encoding="ascii")


def _note(directory: Path) -> Path:
    return directory / "left_cleanly"


def _take_note(directory: Path) -> bool:
    note = _note(directory)
    was_left = note.exists()
    note.unlink(missing_ok=True)
    return was_left

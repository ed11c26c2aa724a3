"""Why the machine started, as far as it is known.

Four witnesses, the surest first: the watchdog's own note, a crash that the kernel saved, the note that
this agent was asked to leave before, and the lack of it.
"""

from pathlib import Path
from typing import Final

# WDIOF_* of the kernel's watchdog interface.
_BITS: Final = (
    (0x0020, "watchdog"),
    (0x0001, "overheated"),
    (0x0010, "under-voltage"),
    (0x0040, "over-voltage"),
    (0x0002, "fan failed"),
)


def boot_reason(root: Path, *, left_cleanly: bool) -> str:
    """Give a word or two; ``left_cleanly``: the agent's last run was asked to stop."""
    for status in sorted((root / "sys/class/watchdog").glob("watchdog*/bootstatus")):
        try:
            bits = int(status.read_text(encoding="ascii"), 0)
        except (OSError, ValueError):
            continue
        for bit, said in _BITS:
            if bits & bit:
                return said
    if _has_saved_crash(root):
        return "kernel crash"
    return "asked to" if left_cleanly else "power lost or reset"


def _has_saved_crash(root: Path) -> bool:
    try:
        return any((root / "sys/fs/pstore").glob("dmesg-*"))
    except OSError:
        return False

"""Who else has a device open: looked up in /proc, for a message that helps."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

MAX_NAMED: Final = 3


def holders(device: Path, proc: Path = Path("/proc"), *, own: int | None = None) -> list[str]:
    """Return ``name (process 123)`` of other processes that have ``device`` open.

    Sees only what this user may see; ``own`` is the process to leave out, by default this one.
    """
    mine = os.getpid() if own is None else own
    return [
        f"{_name(proc / str(pid))} (process {pid})"
        for pid in sorted(_processes(proc))
        if pid != mine and device in _opened(proc / str(pid) / "fd")
    ]


def describe(names: list[str]) -> str:
    """Make a message's end of them."""
    if not names:
        return "another program that this user may not see"
    more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    return ", ".join(names[:MAX_NAMED]) + more


def _processes(proc: Path) -> Iterator[int]:
    return (int(entry.name) for entry in proc.iterdir() if entry.name.isdigit())


def _opened(folder: Path) -> set[Path]:
    opened = set()
    # It ended meanwhile, or belongs to another user.
    with suppress(OSError):
        for entry in folder.iterdir():
            opened.add(entry.readlink())
    return opened


def _name(process: Path) -> str:
    try:
        text = (process / "comm").read_text("utf-8", "replace").strip()
    except OSError:
        return "a program"
    return "".join(c for c in text if c.isprintable())[:32] or "a program"

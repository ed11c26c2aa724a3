"""Processes that must be there, found by the program's name or by a pid file."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from device_agent.sensor_settings import ProcessSettings
from device_agent.sensors.port import AnySource, Around, SensorDescription, Source

# The kernel keeps that much of a program's name.
_COMM_CHARS: Final = 15
_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")
_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Found:
    """A process: its memory, and since how long it runs; None while there is none."""

    memory_bytes: float | None = None
    age_s: float | None = None


def sources(settings: ProcessSettings, around: Around) -> list[AnySource]:
    """Watch one process."""
    name = f"process/{settings.name}"
    rows: tuple[SensorDescription[Found], ...] = (
        SensorDescription(f"{name}/running", "", "link", (0.0, 1.0), lambda s: s.age_s is not None),
        SensorDescription(f"{name}/memory", "B", "bytes", (0.0, 2.0**50), lambda s: s.memory_bytes),
        SensorDescription(f"{name}/age", "s", "counter", (0.0, 3.2e9), lambda s: s.age_s),
    )
    watch = _Watch(settings, around.below("/proc"))
    return [Source(name, settings.period_s, watch.read, rows)]


class _Watch:
    """Remembers the process of the last time, so that /proc need not be searched every time."""

    def __init__(self, settings: ProcessSettings, proc: Path) -> None:
        self._settings = settings
        self._proc = proc
        self._last: Path | None = None

    def read(self) -> Found:
        if self._settings.pid_file:
            return self._by_file()
        if self._last is None or not _is_program(self._last, self._settings.program):
            folders = (path for path in self._proc.glob("[0-9]*") if path.name.isdigit())
            matching = (path for path in folders if _is_program(path, self._settings.program))
            self._last = min(matching, key=lambda path: int(path.name), default=None)
        return self._look(self._last)

    def _by_file(self) -> Found:
        try:
            text = Path(self._settings.pid_file).read_text(encoding="ascii").split()
        except FileNotFoundError:
            return Found()
        return self._look(self._proc / str(int(text[0]))) if text else Found()

    def _look(self, folder: Path | None) -> Found:
        """Give what the kernel tells; a process may end between two questions."""
        try:
            stat = (folder / "stat").read_text(encoding="utf-8", errors="replace") if folder else ""
        except (FileNotFoundError, ProcessLookupError):
            return Found()
        # The name, in brackets, may hold spaces and brackets itself.
        fields = stat.rpartition(")")[2].split()
        if not fields or fields[0] in {"Z", "X"}:
            return Found()
        uptime_s = float((self._proc / "uptime").read_text(encoding="ascii").split()[0])
        age_s = max(0.0, uptime_s - int(fields[19]) / _TICKS_PER_S)
        return Found(float(int(fields[21]) * _PAGE_BYTES), round(age_s, 1))


def _is_program(folder: Path, program: str) -> bool:
    """Compare with the kernel's name, the program's file and, for a script, the script's file."""
    try:
        comm = (folder / "comm").read_text(encoding="utf-8", errors="replace").strip()
        if comm == program[:_COMM_CHARS] and len(program) <= _COMM_CHARS:
            return True
        words = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")[:2]
    except OSError:
        return False
    return program in {os.path.basename(word) for word in words if word}  # noqa: PTH119 - a name, no file

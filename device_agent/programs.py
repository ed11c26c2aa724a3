"""Runs a program to its end or to its time, never longer, and keeps only so much of what it says.

Made of the system's own calls: the module `subprocess` would cost 2 MB, a fifteenth of the agent.
"""

import os
import select
import signal
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from device_agent.wire.text import clean

_ERRORS_BYTES: Final = 4096
_PIECE_BYTES: Final = 65_536
# Programs that must not be left behind. A process in here has not been waited for, so its number is its own.
_running: Final[set[int]] = set()
_running_lock: Final = threading.Lock()


@dataclass(frozen=True, slots=True)
class Done:
    """How a program ended; ``is_late``: it was killed, with everything it had started."""

    status: int
    output: bytes
    errors: bytes
    is_late: bool

    def said(self, limit_chars: int) -> str:
        """Give what a person would want to read, from either stream, cleaned."""
        text = (self.errors or self.output).decode("utf-8", errors="replace")
        return clean(text.strip(), limit_chars)


def run_program(
    argv: Sequence[str], *, timeout_s: float, limit_bytes: int, may_outlive: bool = False
) -> Done:
    """Run ``argv`` without a shell; raises OSError when it can't be started.

    ``may_outlive``: it is not ended with the agent (it may be what ends the agent).
    A program that says more than ``limit_bytes`` is listened to and not kept; one that leaves a child
    behind which holds its streams does not hold us.
    """
    output, out_end = os.pipe()
    errors, err_end = os.pipe()
    said = {output: bytearray(), errors: bytearray()}
    has_ended = False
    try:
        try:
            pid = _spawn(argv, out_end, err_end)
        finally:
            os.close(out_end)
            os.close(err_end)
        try:
            with _running_lock:
                if not may_outlive:
                    _running.add(pid)
            has_ended = _listen(pid, said, limit_bytes, timeout_s)
        finally:
            if not has_ended:
                _end_group(pid)
            with _running_lock:
                _running.discard(pid)
            status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    finally:
        os.close(output)
        os.close(errors)
    return Done(
        status, bytes(said[output]), bytes(said[errors][:_ERRORS_BYTES]), is_late=not has_ended
    )


def is_on_path(program: str) -> bool:
    """Tell whether there is such a program; `shutil` would bring in the compressors."""
    return any(os.access(f"{folder}/{program}", os.X_OK) for folder in os.get_exec_path())


def end_programs() -> None:
    """Kill what still runs; the agent leaves."""
    with _running_lock:
        for pid in _running:
            _end_group(pid)


def _spawn(argv: Sequence[str], out_end: int, err_end: int) -> int:
    """Start a program in a process group of its own; every other file of ours closes by itself."""
    return os.posix_spawnp(
        argv[0],
        list(argv),
        os.environ,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_DUP2, out_end, 1),
            (os.POSIX_SPAWN_DUP2, err_end, 2),
        ],
        setpgroup=0,
        # Python ignores this one, and a program would inherit that.
        setsigdef=[signal.SIGPIPE],
    )


def _listen(pid: int, said: dict[int, bytearray], limit_bytes: int, timeout_s: float) -> bool:
    """Keep what the program says until it ends; False: its time is over before."""
    end_s = time.monotonic() + timeout_s
    streams = set(said)
    ended = os.pidfd_open(pid)
    try:
        while (left_s := end_s - time.monotonic()) > 0.0:
            ready, _, _ = select.select([ended, *streams], [], [], left_s)
            for stream in streams.intersection(ready):
                piece = os.read(stream, _PIECE_BYTES)
                said[stream] += piece[: limit_bytes - len(said[stream])]
                if not piece:
                    streams.discard(stream)
            if ready == [ended]:
                return True
    finally:
        os.close(ended)
    return False


def _end_group(pid: int) -> None:
    """Kill a program and what it started."""
    for kill in (os.killpg, os.kill):
        try:
            kill(pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            continue
        return

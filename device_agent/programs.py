"""Runs a program to its end or to its time, never longer, and keeps only so much of what it says."""

import os
import select
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from device_agent.wire.text import clean

if TYPE_CHECKING:
    from subprocess import Popen

_ERRORS_BYTES: Final = 4096
_PIECE_BYTES: Final = 65_536
# Programs that must not be left behind; a set's own operations are atomic between threads.
_running: set["Popen[bytes]"] = set()


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
    import subprocess  # noqa: PLC0415 - 2 MB that an agent without programs does without

    process = subprocess.Popen(
        list(argv),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    said = {process.stdout.fileno(): bytearray(), process.stderr.fileno(): bytearray()}
    has_ended = False
    if not may_outlive:
        _running.add(process)
    with process.stdout, process.stderr:
        try:
            has_ended = _listen(process.pid, said, limit_bytes, timeout_s)
        finally:
            if not has_ended:
                _end_group(process)
            _running.discard(process)
    process.wait()
    output, errors = said.values()
    return Done(
        process.returncode, bytes(output), bytes(errors[:_ERRORS_BYTES]), is_late=not has_ended
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


def _end_group(process: "Popen[bytes]") -> None:
    """Kill the program and what it started, and bury it."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        process.kill()
    process.wait()


def end_programs() -> None:
    """Kill what still runs; the agent leaves."""
    for process in tuple(_running):
        _end_group(process)

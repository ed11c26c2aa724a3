"""Runs a program to its end or to its time, never longer, and keeps only so much of what it says."""

import os
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from device_agent.wire.text import clean

_ERRORS_BYTES: Final = 4096


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


def run_program(argv: Sequence[str], *, timeout_s: float, limit_bytes: int) -> Done:
    """Run ``argv`` without a shell; raises OSError when it can't be started.

    Output goes through unnamed files: a program that says more than it should neither fills memory
    nor blocks, and a grandchild that keeps the stream open does not hold us.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen(
            list(argv), stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True
        )
        is_late = False
        try:
            process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            is_late = True
        finally:
            if process.returncode is None:
                _end_group(process)
        out.seek(0)
        err.seek(0)
        return Done(
            process.returncode or 0, out.read(limit_bytes), err.read(_ERRORS_BYTES), is_late
        )


def _end_group(process: "subprocess.Popen[bytes]") -> None:
    """Kill the program and what it started, and bury it."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        process.kill()
    process.wait()

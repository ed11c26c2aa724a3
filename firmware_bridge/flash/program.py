"""Runs a flasher that is a program: listens to its progress, ends it when asked to, never longer than its time."""

import os
import select
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from firmware_bridge.errors import FlasherMissing, FlashFailed, Interrupted
from firmware_bridge.flash.port import Stop

_TAIL_BYTES: Final = 64 * 1024
_LOOK_S: Final = 0.1
_SAID_CHARS: Final = 300


@dataclass(frozen=True, slots=True)
class Finished:
    """How it ended and the end of what it said on both streams."""

    status: int
    said: str

    def last_words(self) -> str:
        """Give the lines that a person would want to read: those at the end, on one line."""
        lines = [" ".join(line.split()) for line in self.said.splitlines() if line.strip()]
        return " / ".join(lines)[-_SAID_CHARS:]


def find_program(name: str, extra: str) -> str:
    """Give a program's path; raises FlasherMissing, which says where to get it."""
    found = shutil.which(name)
    if found is None:
        raise FlasherMissing(f"{name} is not installed: {extra}")
    return found


def run(
    argv: Sequence[str],
    *,
    timeout_s: float,
    stop: Stop,
    heard: Callable[[str], None] = lambda _text: None,
) -> Finished:
    """Run to the end; raises Interrupted when asked to stop, FlashFailed when it takes too long or can't start.

    ``heard`` gets everything said so far, each time there is more. A program that is ended takes its children along.
    """
    try:
        process = subprocess.Popen(
            list(argv),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, "LC_ALL": "C", "NO_COLOR": "1", "COLUMNS": "200"},
        )
    except OSError as error:
        raise FlashFailed(f"{argv[0]} can't be started: {error.strerror}") from None
    with process:
        try:
            said = _listen(process, time.monotonic() + timeout_s, stop, heard)
        except BaseException:
            _end(process)
            raise
        return Finished(process.wait(), said)


def _listen(
    process: "subprocess.Popen[bytes]", until_s: float, stop: Stop, heard: Callable[[str], None]
) -> str:
    assert process.stdout is not None
    said = bytearray()
    while True:
        if stop():
            raise Interrupted("asked to stop")
        if time.monotonic() > until_s:
            raise FlashFailed("it took too long and was ended")
        ready, _, _ = select.select([process.stdout], [], [], _LOOK_S)
        if not ready:
            continue
        piece = os.read(process.stdout.fileno(), 4096)
        if not piece:
            return said.decode("utf-8", "replace")
        said += piece
        del said[:-_TAIL_BYTES]
        heard(said.decode("utf-8", "replace"))


def _end(process: "subprocess.Popen[bytes]") -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, 9)
    process.kill()

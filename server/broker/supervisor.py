"""Keeps one nats-server process running: start, wait until it listens, restart when it dies, stop.

The child dies with us: the launcher asks the kernel for a SIGTERM at our death and then becomes
nats-server. Where the kernel can't (not Linux), the pid file lets the next start stop what is left.
Call order: `start` once, `stop` once, from the same event loop. The caller holds the directory's lock.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
import signal
import socket
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from server.broker.errors import BrokerStartFailed
from server.kit.errors import PortInUse
from server.kit.text import one_line

_log = logging.getLogger(__name__)
_server_log = logging.getLogger("nats-server")

_LAUNCHER: Final = """
import ctypes, os, signal, sys
if sys.platform == "linux":
    PR_SET_PDEATHSIG = 1
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != int(sys.argv[1]):
        sys.exit("the parent ended before the broker was started")
os.execv(sys.argv[2], sys.argv[2:])
"""
_LINE: Final = re.compile(r"^\[\d+\] \S+ \S+ \[(?P<level>[A-Z]{3})\] ?(?P<text>.*)$")
# What one client did wrong (or a wrong password) is the weather, not an error of ours.
_ABOUT_A_CLIENT: Final = re.compile(
    r" - (?:mid|cid):\d+ - |^Auth callout service returned an error"
)
_LEVELS: Final = {
    "TRC": logging.DEBUG,
    "DBG": logging.DEBUG,
    "INF": logging.DEBUG,  # the banner and every consumer made: news to a developer only
    "WRN": logging.WARNING,
    "ERR": logging.ERROR,
    "FTL": logging.CRITICAL,
}
_LINE_LIMIT_BYTES: Final = 64 * 2**10
_FIRST_PAUSE_S: Final = 0.1
_LONGEST_PAUSE_S: Final = 5.0
_STEADY_AFTER_S: Final = 30.0
_POLL_S: Final = 0.02


class Supervisor:
    """One nats-server, run by `command`, whose last word (its configuration file) is ours alone."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        pid_path: Path,
        start_timeout_s: float,
        stop_timeout_s: float,
        on_line: Callable[[str], None] = lambda _line: None,
    ) -> None:
        self._command = list(command)
        self._listeners: tuple[tuple[str, int], ...] = ()
        self._pid_path = pid_path
        self._start_timeout_s = start_timeout_s
        self._stop_timeout_s = stop_timeout_s
        self._on_line = on_line
        self._process: asyncio.subprocess.Process | None = None
        self._log_task: asyncio.Task[None] | None = None
        self._watch_task: asyncio.Task[None] | None = None
        self._last_lines: deque[str] = deque(maxlen=5)
        self.restarts = 0

    @property
    def pid(self) -> int | None:
        """Of the running child; None while there is none."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    async def start(self, listeners: Sequence[tuple[str, int]]) -> None:
        """Returns when every (host, port) accepts; BrokerStartFailed carries the server's last words."""
        self._listeners = tuple(listeners)
        try:
            await self._spawn()
            await self._wait_until_listening()
        except BaseException:
            await self._end_child()
            raise
        self._watch_task = asyncio.create_task(self._watch(), name="broker-watch")

    async def stop(self) -> None:
        """SIGTERM, then SIGKILL after the time-out; returns when the child is gone."""
        if self._watch_task is not None:
            self._watch_task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watch_task
        await self._end_child()
        self._pid_path.unlink(missing_ok=True)

    def recycle(self) -> None:
        """End the child, so that it is started anew; does nothing while there is none."""
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.terminate()

    async def _spawn(self) -> None:
        launcher = [sys.executable, "-I", "-S", "-c", _LAUNCHER, str(os.getpid())]
        self._last_lines.clear()
        self._process = await asyncio.create_subprocess_exec(
            *launcher,
            *self._command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            limit=_LINE_LIMIT_BYTES,
            # A Ctrl-C at the terminal is ours to handle; the broker stops last.
            start_new_session=True,
        )
        self._pid_path.write_text(f"{self._process.pid}\n")
        assert self._process.stderr is not None
        self._log_task = asyncio.create_task(
            self._forward_log(self._process.stderr), name="broker-log"
        )

    async def _forward_log(self, stream: asyncio.StreamReader) -> None:
        while True:
            try:
                raw = await stream.readline()
            except ValueError:  # a line beyond the limit; the reader has dropped it
                continue
            if not raw:
                return
            text = one_line(raw.decode("utf-8", "replace"), limit=500)
            parsed = _LINE.match(text)
            level, message = (
                (_LEVELS.get(parsed["level"], logging.INFO), parsed["text"])
                if parsed
                else (logging.INFO, text)
            )
            if not message:
                continue
            self._last_lines.append(message)
            if _ABOUT_A_CLIENT.search(message):
                level = min(level, logging.INFO)
            _server_log.log(level, "%s", message)
            self._on_line(message)

    async def _wait_until_listening(self) -> None:
        process = self._process
        assert process is not None
        deadline_s = time.monotonic() + self._start_timeout_s
        for host, port in self._listeners:
            while not await _accepts(host, port):
                if process.returncode is not None:
                    if self._log_task is not None:
                        await self._log_task
                    raise BrokerStartFailed(
                        f"nats-server ended at once (status {process.returncode}): "
                        + (" / ".join(self._last_lines) or "it said nothing")
                    )
                if time.monotonic() > deadline_s:
                    raise BrokerStartFailed(
                        f"nats-server did not listen on port {port} within "
                        f"{self._start_timeout_s:g} s: {' / '.join(self._last_lines)}"
                    )
                await asyncio.sleep(_POLL_S)

    async def _watch(self) -> None:
        """Restarts the child for as long as we run, with a pause that doubles while it keeps dying."""
        pause_s = _FIRST_PAUSE_S
        started_s = time.monotonic()
        while True:
            assert self._process is not None
            status = await self._process.wait()
            lost_s = time.monotonic()
            if lost_s - started_s > _STEADY_AFTER_S:
                pause_s = _FIRST_PAUSE_S
            _log.error("broker ended (status %s), restarting in %.1f s", status, pause_s)
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
            started_s = time.monotonic()
            self.restarts += 1
            try:
                await self._spawn()
                await self._wait_until_listening()
            except (BrokerStartFailed, OSError) as error:
                _log.error("broker did not come back: %s", error)
                await self._end_child()
                continue
            _log.warning(
                "broker is back after %.1f s (restart %d)", time.monotonic() - lost_s, self.restarts
            )

    async def _end_child(self) -> None:
        process = self._process
        if process is None:
            return
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            try:
                await asyncio.wait_for(process.wait(), self._stop_timeout_s)
            except TimeoutError:
                _log.warning("broker did not stop in %.0f s, killed", self._stop_timeout_s)
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        if self._log_task is not None:
            await self._log_task
            self._log_task = None

    async def stop_orphan(self) -> None:
        """Stop a broker of ours that outlived its parent and still holds the ports and the store."""
        try:
            pid = int(self._pid_path.read_text())
        except (FileNotFoundError, ValueError):
            return
        if not self._is_ours(pid):
            return
        _log.warning("stopping a broker left over from an earlier run (process %d)", pid)
        deadline_s = time.monotonic() + self._stop_timeout_s
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
            while self._is_ours(pid):
                if time.monotonic() > deadline_s:
                    os.kill(pid, signal.SIGKILL)
                await asyncio.sleep(_POLL_S)

    def _is_ours(self, pid: int) -> bool:
        """Whether `pid` runs our very command line: pids are reused after a reboot."""
        try:
            raw = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            return False
        return os.fsencode(self._command[-1]) in raw.split(b"\0")


async def _accepts(host: str, port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(_reachable(host), port)
    except OSError:
        return False
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True


def _reachable(host: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)  # noqa: S104


def claim_port(host: str, port: int) -> int:
    """`port`, or a free one for 0; raises PortInUse. Free until somebody else is quicker than we."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        # As nats-server binds: a connection of before that lingers is no obstacle, a listener is.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise PortInUse(
                f"port {port} on {host} can't be taken ({error.strerror}); "
                "choose another with --mqtt-port"
            ) from error
        claimed: int = probe.getsockname()[1]
        return claimed

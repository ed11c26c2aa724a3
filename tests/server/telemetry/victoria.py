"""A real VictoriaMetrics for tests: started on a free port, killed and started again at will."""

from __future__ import annotations

import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

HANG_S = 30


class VictoriaProcess:
    def __init__(self, program: Path, folder: Path, *flags: str) -> None:
        self._program = program
        self._folder = folder
        self._flags = flags
        self.port = _free_port()
        self._started_s = 0
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def url(self) -> str:
        return f"victoriametrics+http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        while int(time.time()) <= self._started_s:
            time.sleep(0.05)  # it tells its start by the second: two in one look like one
        with (self._folder / "victoria.log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    self._program,
                    f"-storageDataPath={self._folder / 'data'}",
                    f"-httpListenAddr=127.0.0.1:{self.port}",
                    "-dedup.minScrapeInterval=1ms",
                    "-retentionPeriod=100y",
                    "-memory.allowedBytes=128MB",
                    *self._flags,
                ],
                stdout=log,
                stderr=log,
            )
        self._started_s = int(time.time()) + 1
        deadline_s = time.monotonic() + HANG_S
        while not self._healthy():
            assert self._process.poll() is None, "VictoriaMetrics ended"
            assert time.monotonic() < deadline_s, "VictoriaMetrics does not get ready"
            time.sleep(0.05)

    def _healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=2):
                return True
        except (urllib.error.URLError, OSError):
            return False

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait(HANG_S)

    def stop(self) -> None:
        assert self._process is not None
        self._process.terminate()
        try:
            self._process.wait(HANG_S)
        except subprocess.TimeoutExpired:
            self.kill()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

"""A real Mosquitto that can be killed: with persistence, on a free port, in a folder of its own."""

from __future__ import annotations

import getpass
import os
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Self

HANG_S = 30.0


class Mosquitto:
    """`more` are further lines of its configuration, after the listener's."""

    def __init__(self, program: Path, folder: Path, *more: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._program = program
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        lines = (
            f"listener {self.port} 127.0.0.1",
            # As root it would become another user, who may not write here.
            f"user {getpass.getuser()}",
            "persistence true",
            f"persistence_location {folder}/",
            "autosave_interval 1",
            "max_queued_messages 0",
            "max_inflight_messages 0",
            *(more or ("allow_anonymous true",)),
        )
        self.config = folder / "mosquitto.conf"
        self.config.write_text("\n".join(lines) + "\n")

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_error: object) -> None:
        if self._process is not None:
            self.stop()

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> Self:
        user = ["-c", str(self.config)]
        with (self._folder / "mosquitto.log").open("ab") as log:
            self._process = subprocess.Popen([self._program, *user], stdout=log, stderr=log)
        deadline_s = time.monotonic() + HANG_S
        while not self._is_open():
            assert self.running, self.log()
            assert time.monotonic() < deadline_s, self.log()
            time.sleep(0.02)
        return self

    def _is_open(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def log(self) -> str:
        return (self._folder / "mosquitto.log").read_text("utf-8", "replace")

    def reload(self) -> None:
        """Its password file and access list are read again."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGHUP)

    def stop(self) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.wait(HANG_S)

    def kill(self) -> None:
        """kill -9."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(HANG_S)

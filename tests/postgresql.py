"""A PostgreSQL server of the tests' own: on a free port, in a directory of its own, gone at the end."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Self

import psycopg

HANG_GUARD_S = 60.0
QUICK = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")
"""For records that need not outlive the test."""


class PostgresServer:
    """`url(name)` is a database's address; started again it listens where it did, on the same data."""

    def __init__(self, programs: Path, *settings: str) -> None:
        """`programs` is the folder of initdb and postgres; `settings` are `name=value`."""
        self._programs = programs
        self._settings = settings
        # It refuses to run as root, and then could not pass pytest's own private folders.
        self._user = "postgres" if os.getuid() == 0 else None
        self._folder = Path(tempfile.mkdtemp(prefix="forewarn-postgres-"))
        if self._user is not None:
            account = pwd.getpwnam(self._user)
            os.chown(self._folder, account.pw_uid, account.pw_gid)
        self._data = self._folder / "data"
        self._log = (self._folder / "log").open("ab")
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()

    def start(self) -> Self:
        if not self._data.exists():
            make = [
                "initdb",
                "-A",
                "trust",
                "-U",
                "forewarn",
                "-E",
                "UTF8",
                "--locale=C",
                "--no-sync",
            ]
            self._run([*make, "-D", str(self._data)]).wait(HANG_GUARD_S)
        command = ["postgres", "-D", str(self._data), "-p", str(self.port), "-h", "127.0.0.1"]
        command += ["-k", str(self._folder), "-c", "max_connections=200"]
        self._process = self._run([*command, *(w for s in self._settings for w in ("-c", s))])
        deadline_s = time.monotonic() + HANG_GUARD_S
        while True:
            try:
                psycopg.connect(self.url("postgres", driver=False), connect_timeout=2).close()
            except psycopg.OperationalError:
                assert self._process.poll() is None, self.log()
                assert time.monotonic() < deadline_s, self.log()
                time.sleep(0.05)
            else:
                return self

    def _run(self, command: list[str]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [str(self._programs / command[0]), *command[1:]],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            user=self._user,
            cwd=self._folder,
        )

    def create(self, name: str) -> str:
        """The address of a new, empty database."""
        with psycopg.connect(self.url("postgres", driver=False), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
        return self.url(name)

    def url(self, name: str, *, driver: bool = True) -> str:
        scheme = "postgresql" if not driver else "postgresql+psycopg"
        return f"{scheme}://forewarn@127.0.0.1:{self.port}/{name}"

    def log(self) -> str:
        return (self._folder / "log").read_text("utf-8", errors="replace")[-4000:]

    def kill(self) -> None:
        """As the kernel out of memory would: the server and every connection's process, at once."""
        assert self._process is not None
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        doomed = [self._process.pid, *map(int, children.read_text().split())]
        for pid in doomed:
            os.kill(pid, signal.SIGKILL)
        self._process.wait(HANG_GUARD_S)

    def stop(self) -> None:
        """Immediate shutdown: nothing is to be kept."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(HANG_GUARD_S)
        self._log.close()
        shutil.rmtree(self._folder, ignore_errors=True)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port

"""Forewarn as its users have it: the `forewarn` command, HTTP and MQTT. Nothing of ours is imported."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self, TypeVar

import httpx
import psutil

BIN = Path(sys.executable).parent
HANG_GUARD_S = 120.0
PASSWORD = "correct horse battery staple"
READY = re.compile(r"^ready http=(http://\S+) mqtt=mqtt://([^:\s]+):(\d+)$", re.MULTILINE)

T = TypeVar("T")


def wait_until(
    condition: Callable[[], T], what: str, *, timeout_s: float = HANG_GUARD_S, every_s: float = 0.05
) -> T:
    """The first true value of `condition`; fails the test when none comes."""
    deadline_s = time.monotonic() + timeout_s
    while not (value := condition()):
        assert time.monotonic() < deadline_s, f"waited {timeout_s:.0f} s for {what}"
        time.sleep(every_s)
    return value


class Product:
    """One `forewarn up` on free ports, with a data directory and a log of its own."""

    def __init__(
        self, data_dir: Path, *options: str, command: str = "up", **variables: str
    ) -> None:
        """`variables` are of the server's environment; the commands beside it do not have them."""
        self.data_dir = data_dir
        self._variables = variables
        self.http_url = ""
        self.mqtt_host, self.mqtt_port = "127.0.0.1", 0
        self._command = [str(BIN / "forewarn"), command, *options]
        self._http_port = 0
        self._output = data_dir.with_name(data_dir.name + ".out")
        self._log = data_dir.with_name(data_dir.name + ".log")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *, timeout_s: float = HANG_GUARD_S) -> Self:
        """Waits for `ready`. A second start listens where the first did."""
        command = [*self._command, "--data-dir", str(self.data_dir)]
        command += ["--http-port", str(self._http_port), "--mqtt-port", str(self.mqtt_port)]
        with self._output.open("wb") as output, self._log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=log,
                env=environment(**self._variables),
            )
        found = wait_until(self._ready, "the ready line", timeout_s=timeout_s)
        self.http_url, self.mqtt_host, self.mqtt_port = found[1], found[2], int(found[3])
        self._http_port = httpx.URL(self.http_url).port or 80
        return self

    def _ready(self) -> re.Match[str] | None:
        assert self.running, f"the server ended before it was ready:\n{self.log()[-4000:]}"
        return READY.search(self.output())

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def output(self) -> str:
        return self._output.read_text("utf-8", errors="replace")

    def log(self) -> str:
        return self._log.read_text("utf-8", errors="replace")

    def stop(self) -> int:
        """SIGTERM; the exit code. Kills only when it hangs, and then fails."""
        assert self._process is not None
        self._process.terminate()
        try:
            code = self._process.wait(30)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"SIGTERM was not enough:\n{self.log()[-4000:]}") from None
        assert "leaked" not in self.log(), "an orderly end prints nothing about objects left alive"
        return code

    def kill(self) -> None:
        """kill -9 of the server, and of nothing else."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(10)

    def kill_broker(self) -> None:
        """kill -9 of the broker, while the server goes on."""
        os.kill(self.broker().pid, signal.SIGKILL)

    def broker(self) -> psutil.Process:
        children = psutil.Process(self.pid).children(recursive=True)
        return next(child for child in children if "nats-server" in child.name())

    # ----- as an administrator at the command line

    def cli(self, *arguments: str, text: str = "") -> str:
        """What `forewarn …` prints; fails the test when it fails."""
        done = self.try_cli(*arguments, text=text)
        assert done.returncode == 0, f"forewarn {arguments}: {done.stdout}{done.stderr}"
        return done.stdout

    def try_cli(self, *arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
        return forewarn(*arguments, "--data-dir", str(self.data_dir), text=text)

    def add_user(self, email: str, role: str) -> None:
        """With PASSWORD."""
        self.cli("user", "add", email, "--role", role, text=f"{PASSWORD}\n")

    def token(self, email: str) -> str:
        return self.cli("token", "create", email).strip()

    def add_device(self, device_id: str, **options: str) -> str:
        """The device's password; `owner`, `model` and `site` are options."""
        given = [word for name, value in options.items() for word in (f"--{name}", value)]
        credentials = json.loads(self.cli("device", "add", device_id, *given))
        assert credentials["device_id"] == credentials["username"] == device_id
        return str(credentials["password"])

    # ----- as a program over HTTP

    def api(self, token: str | None = None) -> httpx.Client:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        # Plain HTTP: loading the certificates of the world would take longer than the request.
        return httpx.Client(
            base_url=self.http_url, headers=headers, timeout=30, trust_env=False, verify=False
        )

    def healthy(self) -> bool:
        with self.api() as client:
            return client.get("/readyz").status_code == 200


def environment(**more: str) -> dict[str, str]:
    """This shell's, without its own settings for Forewarn."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("FOREWARN_")}
    return {**kept, **more}


def forewarn(*arguments: str, text: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
    """One run of the command line, however it ends."""
    return subprocess.run(
        [BIN / "forewarn", *arguments],
        input=text,
        capture_output=True,
        text=True,
        env=environment(**variables),
        timeout=HANG_GUARD_S,
        check=False,
    )


@contextlib.contextmanager
def running(product: Product) -> Iterator[Product]:
    """Started, and gone at the end whatever happens."""
    try:
        yield product.start()
    finally:
        if product.running:
            product.stop()


def all_items(client: httpx.Client, path: str, **query: Any) -> list[dict[str, Any]]:
    """Every row of a paged list."""
    rows: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        answer = client.get(
            path, params={**query, "limit": 200, **({"cursor": cursor} if cursor else {})}
        )
        assert answer.status_code == 200, answer.text
        page = answer.json()
        rows += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return rows

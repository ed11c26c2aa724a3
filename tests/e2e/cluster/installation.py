"""A whole installation on this machine: three broker nodes, PostgreSQL, VictoriaMetrics, workers, webs.

Every part is a process of its own that can be killed and started again. Nothing of ours is imported.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import httpx
import psycopg

from tests.e2e.product import BIN, HANG_GUARD_S, PASSWORD, environment, wait_until
from tests.postgresql import PostgresServer, free_port
from tests.server.telemetry.victoria import VictoriaProcess

READY = re.compile(r"^ready http=(http://\S+)$", re.MULTILINE)
NODES = 3
PARTITIONS = 4
TOPICS = """
[[topic]]
format = "json"
filter = "plant/{device}/values"
time = "ts"

[[topic]]
format = "zigbee2mqtt"
"""


class Process:
    """A program with a log; `start` again after `kill` runs the same command."""

    def __init__(self, command: list[str], log: Path, variables: dict[str, str]) -> None:
        self._command = command
        self._log = log
        self._variables = variables
        self._process: subprocess.Popen[bytes] | None = None
        self._began = 0

    def start(self) -> Self:
        self._began = len(self.log())
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment(**self._variables),
            )
        return self

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def log(self, *, since_start: bool = False) -> str:
        if not self._log.exists():
            return ""
        text = self._log.read_text("utf-8", errors="replace")
        return text[self._began :] if since_start else text

    def kill(self) -> None:
        """kill -9."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(HANG_GUARD_S)

    def stop(self) -> int:
        assert self._process is not None
        self._process.terminate()
        try:
            return self._process.wait(30)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"SIGTERM was not enough:\n{self.log()[-4000:]}") from None


class Role(Process):
    """`forewarn serve …`."""

    url = ""

    def start(self) -> Self:
        self.begin()
        return self.wait_ready()

    def begin(self) -> None:
        super().start()

    def wait_ready(self) -> Self:
        self.url = wait_until(self._ready, "the ready line")[1]
        return self

    def _ready(self) -> re.Match[str] | None:
        assert self.running, f"it ended before it was ready:\n{self.log()[-4000:]}"
        return READY.search(self.log(since_start=True))

    def api(self, token: str | None = None, **cookies: str) -> httpx.Client:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return httpx.Client(
            base_url=self.url, headers=headers, cookies=cookies, timeout=30, trust_env=False
        )

    def healthy(self) -> bool:
        with self.api() as client:
            return client.get("/readyz").status_code == 200


class Installation:
    """Everything started, in the order in which it needs each other."""

    def __init__(
        self, folder: Path, postgres: PostgresServer, victoria: VictoriaProcess, nats_server: str
    ) -> None:
        self.folder = folder
        self.postgres = postgres
        self.victoria = victoria
        self.data_dir = folder / "data"
        self.database_url = postgres.create("forewarn")
        ports = [(free_port(), free_port(), free_port()) for _ in range(NODES)]
        self.mqtt_ports = [mqtt for mqtt, _client, _cluster in ports]
        self.variables = {
            "FOREWARN_DATA_DIR": str(self.data_dir),
            "FOREWARN_DATABASE_URL": self.database_url,
            "FOREWARN_TELEMETRY_URL": victoria.url,
            "FOREWARN_NATS_URL": ",".join(f"nats://127.0.0.1:{client}" for _, client, _ in ports),
            "FOREWARN_PARTITIONS": str(PARTITIONS),
            "FOREWARN_STREAM_MAX_BYTES": str(2**28),
        }
        given = [
            word
            for mqtt, client, cluster in ports
            for word in ("--node", f"127.0.0.1:{mqtt}:{client}:{cluster}")
        ]
        self.data_dir.mkdir()
        (self.data_dir / "topics.toml").write_text(TOPICS)
        store = str(folder / "store")
        self.cli("setup", "nats", *given, "--listen", "127.0.0.1", "--store-dir", store)
        self.nodes = [
            Process(
                [nats_server, "-c", str(self.data_dir / "nats" / f"forewarn-{number}.conf")],
                folder / f"nats-{number}.log",
                {},
            )
            for number in range(1, NODES + 1)
        ]
        self.workers = [self._role("pipeline", number) for number in (1, 2)]
        self.webs = [self._role("web", number) for number in (1, 2)]

    def _role(self, role: str, number: int) -> Role:
        command = [str(BIN / "forewarn"), "serve", role, "--http-port", "0"]
        return Role(command, self.folder / f"{role}-{number}.log", self.variables)

    def start(self) -> Self:
        for node in self.nodes:
            node.start()
        roles = (*self.workers, *self.webs)
        for role in roles:
            role.begin()
        for role in roles:
            role.wait_ready()
        wait_until(lambda: len(set(self.holders().values())) == 2, "both workers to have work")
        wait_until(lambda: len(self.holders()) == PARTITIONS + 2, "all work to be taken")
        return self

    def stop(self) -> None:
        for process in (*self.webs, *self.workers, *self.nodes):
            if process.running:
                process.stop()

    # ----- as an administrator

    def cli(self, *arguments: str, text: str = "") -> str:
        done = subprocess.run(
            [BIN / "forewarn", *arguments],
            input=text,
            capture_output=True,
            text=True,
            env=environment(**self.variables),
            timeout=HANG_GUARD_S,
            check=False,
        )
        assert done.returncode == 0, f"forewarn {arguments}: {done.stdout}{done.stderr}"
        return done.stdout

    def add_user(self, email: str, role: str) -> None:
        self.cli("user", "add", email, "--role", role, text=f"{PASSWORD}\n")

    def token(self, email: str) -> str:
        return self.cli("token", "create", email).strip()

    def add_device(self, device_id: str, *options: str) -> str:
        return str(json.loads(self.cli("device", "add", device_id, *options))["password"])

    # ----- as the database's administrator

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        url = self.database_url.replace("+psycopg", "")
        with psycopg.connect(url, connect_timeout=5) as connection:
            return connection.execute(query, values).fetchall()

    def holders(self) -> dict[str, str]:
        """Piece of work → who holds it now."""
        with contextlib.suppress(psycopg.Error):
            rows = self.rows("SELECT name, holder FROM lease WHERE expires_at > clock_timestamp()")
            return {str(name): str(holder) for name, holder in rows}
        return {}

    def worker_of(self, holder: str) -> Role:
        """The process behind a name: its process id is the last but one part."""
        pid = int(holder.split("-")[-2])
        return next(worker for worker in self.workers if worker.running and worker.pid == pid)

    def samples(self, *, as_shown: bool = False) -> list[tuple[str, str, int, float]]:
        """Every sample as it lies in the store, written twice or not: device, metric, ms, value.

        `as_shown`: as queries see them.
        """
        answer = httpx.get(
            f"http://127.0.0.1:{self.victoria.port}/api/v1/export",
            # Without this the export leaves out what was written twice.
            params={"match[]": "forewarn_value"} | ({} if as_shown else {"reduce_mem_usage": "1"}),
            timeout=60,
            trust_env=False,
        )
        series = [json.loads(line) for line in answer.text.splitlines()]
        return [
            (one["metric"]["device"], one["metric"]["metric"], at_ms, value)
            for one in series
            for at_ms, value in zip(one["timestamps"], one["values"], strict=True)
        ]


@contextlib.contextmanager
def installed(folder: Path, needs: Callable[[str], Path]) -> Iterator[Installation]:
    """Started, and gone at the end whatever happens."""
    with contextlib.ExitStack() as stack:
        postgres = PostgresServer(needs("postgresql").parent)
        stack.callback(postgres.stop)
        victoria = VictoriaProcess(needs("victoria-metrics"), folder / "victoria")
        stack.callback(victoria.stop)
        made = Installation(folder, postgres.start(), victoria, _nats_server())
        stack.callback(made.stop)
        yield made.start()


def _nats_server() -> str:
    return os.environ.get("FOREWARN_NATS_SERVER") or str(next(BIN.glob("nats-server*")))

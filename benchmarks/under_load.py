"""A server under the load of `forewarn bench fleet`, seen from outside; shared by the benchmarks of ingest."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

FOREWARN = Path(sys.executable).with_name("forewarn")
READY = re.compile(r"ready http=(\S+) mqtt=(\S+)")
HANG_S = 300.0


@dataclass(frozen=True)
class Cost:
    """CPU seconds spent so far."""

    server_s: float
    broker_s: float


class Server:
    """One `forewarn up` with a data directory of its own."""

    def __init__(self, data: Path, **settings: object) -> None:
        data.mkdir(parents=True, exist_ok=True)
        lines = [f"{name} = {json.dumps(value)}" for name, value in settings.items()]
        (data / "forewarn.toml").write_text("\n".join(lines) + "\n")
        self.data = data
        self.credentials = data.with_name(data.name + ".credentials")

    def add_devices(self, count: int) -> None:
        table = "\n".join(["device_id", *(f"bench-{n:05}" for n in range(1, count + 1))])
        with self.credentials.open("wb") as out:
            run("device", "import", "-", "--data-dir", str(self.data), text=table, out=out)

    def start(self) -> None:
        ports = ["--http-port", "0", "--mqtt-port", "0"]
        out = self.data.with_name(self.data.name + ".out")
        log = self.data.with_name(self.data.name + ".log")
        with out.open("wb") as o, log.open("ab") as e:
            self._process = subprocess.Popen(
                [FOREWARN, "up", "--data-dir", str(self.data), *ports], stdout=o, stderr=e
            )
        deadline_s = time.monotonic() + HANG_S
        while not (found := READY.search(out.read_text())):
            assert self._process.poll() is None, log.read_text()
            assert time.monotonic() < deadline_s, log.read_text()
            time.sleep(0.1)
        self.http, self.mqtt = found[1], found[2]
        self._server = psutil.Process(self._process.pid)
        self._broker = next(c for c in self._server.children(recursive=True) if "nats" in c.name())

    def cost(self) -> Cost:
        spent = [sum(p.cpu_times()[:2]) for p in (self._server, self._broker)]
        return Cost(*spent)

    def rss_mb(self) -> dict[str, float]:
        both = {"server": self._server, "broker": self._broker}
        return {name: round(p.memory_info().rss / 2**20, 1) for name, p in both.items()}

    def metrics(self) -> dict[str, float]:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"{self.http}/metrics", timeout=30) as answer:
            text = answer.read().decode()
        pairs = (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
        return {name: float(value) for name, value in pairs}

    def stored(self) -> float:
        return self.metrics().get('forewarn_samples_total{outcome="stored"}', 0.0)

    def fleet(self, **options: Any) -> dict[str, Any]:
        """What `forewarn bench fleet` prints; its exit code must be 0."""
        return fleet(self.mqtt, self.credentials, **options)

    def wait_stored(self, samples: float) -> None:
        deadline_s = time.monotonic() + HANG_S
        while self.stored() < samples:
            assert time.monotonic() < deadline_s, "not everything was stored"
            time.sleep(0.05)

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(30)


@contextmanager
def serving(data: Path, *, devices: int, **settings: object) -> Iterator[Server]:
    server = Server(data, **settings)
    server.add_devices(devices)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def fleet(
    mqtt: str,
    credentials: Path,
    *,
    hear: Callable[[str], None] = lambda _line: None,
    **options: object,
) -> dict[str, Any]:
    """`hear` is told what the fleet says while it runs, line by line."""
    words = [w for n, v in options.items() for w in ("--" + n.replace("_", "-"), str(v))]
    command = [FOREWARN, "bench", "fleet", "--mqtt", mqtt, "--credentials", credentials, *words]
    pipe, said = subprocess.PIPE, []
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stderr is not None
        assert process.stdout is not None
        for line in process.stderr:
            said.append(line)
            hear(line)
        done = process.stdout.read()
    assert process.returncode == 0, f"{words}: {''.join(said)[-2000:]}"
    found: dict[str, Any] = json.loads(done)
    return found


def run(*words: str, text: str = "", out: Any = subprocess.PIPE) -> str:
    done = subprocess.run(
        [FOREWARN, *words], input=text, text=True, stdout=out, stderr=subprocess.PIPE, check=False
    )
    assert done.returncode == 0, f"forewarn {words}: {done.stderr[-2000:]}"
    return done.stdout or ""


def ages(before: dict[str, float], after: dict[str, float]) -> dict[str, float | str]:
    """Percentiles of the age of samples when stored, as upper bounds: the histogram's own steps."""
    name = 'forewarn_sample_age_seconds_bucket{le="'
    steps = sorted(
        (float(key[len(name) : -2]), count - before.get(key, 0.0))
        for key, count in after.items()
        if key.startswith(name)
    )
    total = steps[-1][1]
    return {
        f"p{share:g}_s": next(
            f"≤ {edge:g}" for edge, count in steps if count >= total * share / 100
        )
        for share in (50, 95, 99)
    }


def fsyncs_per_s(folder: Path, *, size: int = 4_600, seconds: float = 1.0) -> int:
    """How often this disk writes a message of `size` bytes through, one after the other."""
    file = os.open(folder / "fsync.probe", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    began_s, count = time.perf_counter(), 0
    while time.perf_counter() - began_s < seconds:
        os.write(file, bytes(size))
        os.fdatasync(file)
        count += 1
    os.close(file)
    (folder / "fsync.probe").unlink()
    return round(count / seconds)


def machine(folder: Path) -> dict[str, Any]:
    return {
        "cpus": os.cpu_count(),
        "processor": platform.processor() or platform.machine(),
        "python": platform.python_version(),
        "load_1min": round(os.getloadavg()[0], 1),
        "fsyncs_per_s": fsyncs_per_s(folder),
    }


def median(values: Sequence[float]) -> float:
    return sorted(values)[len(values) // 2]

"""Ingest beside what a user would build, on the same machine, disk and load, one after the other.

    forewarn      `forewarn up`: broker, store, detectors, incidents, pages
    paho          Mosquitto, a paho subscriber, influxdb-client with batches, VictoriaMetrics; nothing is judged
    node-red      Mosquitto, Node-RED with its MQTT node and node-red-contrib-influxdb, VictoriaMetrics
                  (only where --node-red names the folder in which npm installed both)

    python benchmarks/ingest_peers.py [--seconds 10] [--devices 100] [--dir DIR] [--node-red DIR]
                                      [--out benchmarks/results/ingest_peers.json]

Needs mosquitto, victoria-metrics and `pip install influxdb-client`. Mosquitto keeps its messages in memory and
acknowledges before anything is on disk; the others of its chain do the same. So the peers promise less.
A peer's rate counts until VictoriaMetrics has the last sample; what it never stores is printed as lost.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import psutil

from benchmarks.under_load import HANG_S, fleet, machine, serving

HERE = Path(__file__).resolve().parent
PACK, METRICS = 100, 10
GIVE_UP_S = 15.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--devices", type=int, default=100)
    parser.add_argument("--dir", type=Path)
    parser.add_argument("--node-red", type=Path, help="folder with node_modules/node-red")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.dir) as name:
        folder = Path(name)
        found: dict[str, Any] = {"machine": machine(folder), "devices": given.devices}
        found["forewarn"] = forewarn(folder, given)
        found["paho"] = peer(folder / "paho", given, paho)
        if given.node_red:
            found["node-red"] = peer(folder / "node-red", given, node_red)
        own = found["forewarn"]["samples_per_s"]
        for rival in ("paho", "node-red"):
            if rival in found:
                found[f"forewarn_times_{rival}"] = round(own / found[rival]["samples_per_s"], 2)
        found["machine_after"] = machine(folder)
    text = json.dumps(found, indent=2)
    print(text)
    if given.out:
        given.out.write_text(text + "\n")


def load(given: Any, mqtt: str, credentials: Path, seconds: float) -> dict[str, Any]:
    return fleet(
        mqtt, credentials, devices=given.devices, pack_samples=PACK, metrics=METRICS, duration=seconds,
        in_flight=max(1, 400 // given.devices), drain=120,
    )  # fmt: skip


def forewarn(folder: Path, given: Any) -> dict[str, Any]:
    with serving(folder / "own", devices=given.devices, device_samples_per_s=0) as server:
        load(given, server.mqtt, server.credentials, 3)
        before, stored = server.cost(), server.stored()
        found = load(given, server.mqtt, server.credentials, given.seconds)
        began_s = time.perf_counter()
        server.wait_stored(stored + found["samples_acknowledged"])
        seconds = found["publishing_s"] + found["drained_s"] + time.perf_counter() - began_s
        after = server.cost()
    spent_s = after.server_s + after.broker_s - before.server_s - before.broker_s
    return result(found["samples_acknowledged"], found["samples_acknowledged"], seconds, spent_s)


def result(sent: int, stored: int, seconds: float, spent_s: float) -> dict[str, Any]:
    return {
        "samples_per_s": round(stored / seconds),
        "sent": sent,
        "stored": stored,
        "lost": sent - stored,
        "cpu_us_a_sample": round(spent_s / max(stored, 1) * 1e6, 2),
    }


# -- the peers


def peer(folder: Path, given: Any, start: Any) -> dict[str, Any]:
    folder.mkdir()
    credentials = folder / "credentials"
    lines = (
        json.dumps({"device_id": f"peer-{n:05}", "password": "x"}) for n in range(given.devices)
    )
    credentials.write_text("\n".join(lines))
    with (
        mosquitto(folder) as (mqtt_port, broker),
        victoria(folder) as (url, store),
        start(folder, given, mqtt_port, url) as subscriber,
    ):
        processes = [psutil.Process(p.pid) for p in (broker, store, subscriber)]
        load(given, f"mqtt://127.0.0.1:{mqtt_port}", credentials, 3)
        already = settled(url, 0)
        before_s = spent(processes)
        found = load(given, f"mqtt://127.0.0.1:{mqtt_port}", credentials, given.seconds)
        sent = found["samples_acknowledged"]
        began_s = time.perf_counter()
        stored, last_s = arriving(url, already, sent)
        seconds = found["publishing_s"] + found["drained_s"] + last_s - began_s
        return result(sent, stored, seconds, spent(processes) - before_s)


def spent(processes: list[psutil.Process]) -> float:
    return float(sum(sum(process.cpu_times()[:2]) for process in processes))


def settled(url: str, at_least: int) -> int:
    """How many samples there are once no more come."""
    return arriving(url, 0, at_least or 2**62)[0]


def arriving(url: str, before: int, wanted: int) -> tuple[int, float]:
    """(samples beyond `before`, when the last of them came): until all are there, or none comes any more."""
    seen, seen_s = -1, time.perf_counter()
    deadline_s = seen_s + HANG_S
    while time.perf_counter() < deadline_s:
        now = samples_in(url) - before
        if now > seen:
            seen, seen_s = now, time.perf_counter()
        if seen >= wanted or time.perf_counter() - seen_s > GIVE_UP_S:
            break
        time.sleep(0.2)
    return seen, seen_s


def samples_in(url: str) -> int:
    """Rows that VictoriaMetrics took in, by its own counter."""
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(
        f"{url}/metrics"
    ) as answer:
        text = answer.read().decode()
    rows = [
        line
        for line in text.splitlines()
        if line.startswith('vm_rows_inserted_total{type="influx"')
    ]
    return int(sum(float(line.rsplit(" ", 1)[1]) for line in rows))


@contextmanager
def mosquitto(folder: Path) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    port = free_port()
    config = folder / "mosquitto.conf"
    config.write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence true\n"
        f"persistence_location {folder}/\nmax_queued_messages 0\nmax_inflight_messages 1000\nuser root\n"
    )
    with running(["mosquitto", "-c", str(config)], folder / "mosquitto.log") as process:
        wait_port(port)
        yield port, process


@contextmanager
def victoria(folder: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    port = free_port()
    command = [
        "victoria-metrics", f"-storageDataPath={folder / 'store'}", f"-httpListenAddr=127.0.0.1:{port}",
    ]  # fmt: skip
    with running(command, folder / "victoria.log") as process:
        wait_port(port)
        yield f"http://127.0.0.1:{port}", process


@contextmanager
def paho(folder: Path, _given: Any, mqtt_port: int, url: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [
        sys.executable,
        str(HERE / "peers/paho_victoria.py"),
        "127.0.0.1",
        str(mqtt_port),
        url,
    ]
    with (folder / "paho.log").open("wb") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log
        )
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        assert process.stdout.readline() == b"subscribed\n"
        yield process
    finally:
        process.stdin.close()
        process.wait(60)
        process.stdout.close()


@contextmanager
def node_red(
    folder: Path, given: Any, mqtt_port: int, url: str
) -> Iterator[subprocess.Popen[bytes]]:
    flows = json.loads((HERE / "peers/node_red_flows.json").read_text())
    parts = urllib.parse.urlsplit(url)
    text = json.dumps(flows).replace("MQTT_PORT", str(mqtt_port))
    text = text.replace("VICTORIA_PORT", str(parts.port)).replace("VICTORIA_URL", url)
    home = folder / "home"
    home.mkdir()
    (home / "flows.json").write_text(text)
    (home / "node_modules").symlink_to(given.node_red.resolve() / "node_modules")
    (home / "package.json").write_text('{"dependencies": {"node-red-contrib-influxdb": "*"}}')
    port = free_port()
    command = [
        "node", str(given.node_red.resolve() / "node_modules/node-red/red.js"), "--userDir", str(home),
        "--port", str(port), "flows.json",
    ]  # fmt: skip
    log = folder / "node-red.log"
    with running(command, log, NODE_OPTIONS="--max-old-space-size=1024") as process:
        deadline_s = time.monotonic() + 60
        while "Connected to broker" not in log.read_text():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline_s, log.read_text()
            time.sleep(0.2)
        yield process


@contextmanager
def running(command: list[str], log: Path, **variables: str) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as file:
        process = subprocess.Popen(
            command, stdout=file, stderr=file, env={**os.environ, **variables}
        )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(30)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_port(port: int) -> None:
    deadline_s = time.monotonic() + 30
    while time.monotonic() < deadline_s:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"nothing listens on {port}")


if __name__ == "__main__":
    main()

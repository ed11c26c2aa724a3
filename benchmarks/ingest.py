"""Samples per second through MQTT to stored and scored, beside a bare reader of the same messages.

Three figures from one run, on the same broker with every write on disk (fsync):

    live       devices publish at QoS 1 while the pipeline works: until the last sample is stored,
               scored, checkpointed
    backlog    the same messages wait in the stream, then the pipeline works them off
    bare       the same reader fetches the same waiting messages and throws them away

    python benchmarks/ingest.py [--packs 4000] [--out benchmarks/results/ingest.json]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import multiprocessing
import os
import platform
import resource
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import partial
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from server.app.consuming import Consumer
from server.broker import Broker, BrokerSettings
from server.device.credentials import DeviceAuthenticator
from server.device.service import add_device
from server.ingest.jetstream import JetStreamSource
from server.kit.clock import SystemClock
from server.kit.database import Database
from server.kit.settings import Settings
from server.migrations import upgrade
from server.pipeline import Pipeline, PipelineParts
from server.telemetry.duckdb import DuckDbTelemetryStore

DEVICES, PUBLISHERS = 8, 2
METRICS = tuple(f"part/{number}" for number in range(10))
TIMES = 10
PACK_SAMPLES = TIMES * len(METRICS)
INFLIGHT = 100
START_S = 1_780_000_000.0
WARM_UP_PACKS = 40


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--packs", type=int, default=4000, help="messages in each measurement")
    parser.add_argument("--out", type=Path, help="also write the JSON here")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(measure(Path(folder), given.packs))
    text = json.dumps(found, indent=2)
    print(text)
    if given.out:
        given.out.write_text(text + "\n")


@dataclass(frozen=True)
class Bench:
    """A server without pages: broker, stores, pipeline."""

    broker: Any
    secrets: dict[str, str]
    settings: Any
    make: Callable[[str], Any]
    records: Any


@contextlib.asynccontextmanager
async def bench(folder: Path) -> AsyncIterator[Bench]:
    clock = SystemClock()
    settings = Settings(data_dir=folder)
    records = Database.at(folder / "records.sqlite3")
    upgrade(records)
    with records.transaction() as session:
        secrets = {
            name: add_device(session, device_id=name, now=clock.now())[1]
            for name in (f"bench-{number}" for number in range(DEVICES))
        }
    store = DuckDbTelemetryStore(folder / "telemetry.duckdb")
    parts = PipelineParts(store, records, clock, settings, after_commit=lambda: None)
    broker_settings = BrokerSettings(
        directory=folder / "broker",
        host="127.0.0.1",
        mqtt_port=0,
        stream_max_age_s=86_400,
        stream_max_bytes=2**32,
    )
    async with Broker(broker_settings, DeviceAuthenticator(records)) as broker:
        yield Bench(broker, secrets, settings, partial(Pipeline, parts=parts), records)
    store.close()
    records.close()


async def measure(folder: Path, packs: int) -> dict[str, Any]:
    async with bench(folder) as server:
        samples = packs * PACK_SAMPLES
        await publish(server, range(WARM_UP_PACKS))
        await consume(server)  # the detectors' compiler, DuckDB's first table

        live_s, publish_s = await live(server, range(WARM_UP_PACKS, WARM_UP_PACKS + packs))

        after = (await server.broker.stream.state()).last_position
        await publish(server, range(WARM_UP_PACKS + packs, WARM_UP_PACKS + 2 * packs))
        source = JetStreamSource(server.broker.client, server.broker.stream, start_after=after)
        began_s = time.perf_counter()
        count = 0
        while count < packs:
            count += len(await source.fetch(server.settings.batch_messages, 1.0))
        bare_s = time.perf_counter() - began_s
        await source.close()
        backlog_s = await consume(server)
    rates = {
        "live": samples / live_s,
        "backlog": samples / backlog_s,
        "bare": samples / bare_s,
        "publish": samples / publish_s,
    }
    return {
        "samples_per_s": {name: round(rate) for name, rate in rates.items()},
        "live_of_bare": round(rates["live"] / rates["bare"], 3),
        "backlog_of_bare": round(rates["backlog"] / rates["bare"], 3),
        "packs": packs,
        "samples_per_pack": PACK_SAMPLES,
        "devices": DEVICES,
        "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "machine": machine(),
    }


async def live(server: Bench, numbers: range) -> tuple[float, float]:
    """(until all is stored and scored, until all is acknowledged to the devices), in seconds."""
    last = (await server.broker.stream.state()).last_position + len(numbers)
    working: list[asyncio.Task[float]] = []
    began_s = time.perf_counter()

    def begin() -> None:
        nonlocal began_s
        began_s = time.perf_counter()
        working.append(asyncio.create_task(consume(server, last)))

    await publish(server, numbers, begin)
    publish_s = time.perf_counter() - began_s
    await working[0]
    return time.perf_counter() - began_s, publish_s


@dataclass
class Progress:
    acknowledged: int = 0


class WatchedSource(JetStreamSource):
    """Tells up to where the pipeline has checkpointed."""

    def __init__(self, progress: Progress, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._progress = progress

    async def acknowledge(self, position: int) -> None:
        self._progress.acknowledged = position
        await super().acknowledge(position)


async def consume(server: Bench, last: int | None = None) -> float:
    """Seconds until the product's own consumer has checkpointed position `last` (now the newest)."""
    stream = server.broker.stream
    if last is None:
        last = (await stream.state()).last_position
    progress = Progress()
    consumer = Consumer(
        lambda after: WatchedSource(progress, server.broker.client, stream, start_after=after),
        server.make,
        server.settings,
    )
    began_s = time.perf_counter()
    running = asyncio.create_task(consumer.run())
    while progress.acknowledged < last:  # noqa: ASYNC110 - a benchmark of the consumer as it is
        await asyncio.sleep(0.01)
    seconds = time.perf_counter() - began_s
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    consumer.close()
    return seconds


async def publish(server: Bench, numbers: range, begin: Callable[[], None] = lambda: None) -> None:
    """`begin` is called when all devices are connected; returns when every pack has its PUBACK."""
    spawn = multiprocessing.get_context("spawn")
    all_connected = spawn.Barrier(PUBLISHERS + 1)
    names = list(server.secrets)
    shares = [names[number::PUBLISHERS] for number in range(PUBLISHERS)]
    processes = [
        spawn.Process(
            target=devices,
            args=(
                server.broker.mqtt_port,
                {name: server.secrets[name] for name in share},
                numbers,
                all_connected,
            ),
        )
        for share in shares
    ]
    for process in processes:
        process.start()
    await asyncio.to_thread(all_connected.wait, 120)
    begin()
    for process in processes:
        await asyncio.to_thread(process.join)
        assert process.exitcode == 0


def devices(port: int, secrets: dict[str, str], numbers: range, all_connected: Barrier) -> None:
    """A process of devices, each publishing its packs as fast as they are acknowledged."""
    clients = {name: connected(port, name, secret) for name, secret in secrets.items()}
    packs = [
        (name, payload(number))
        for number in numbers
        for name in clients
        if number % DEVICES == int(name.split("-")[1])
    ]
    all_connected.wait(120)
    sent = [clients[name].publish(f"devices/{name}/telemetry", data, qos=1) for name, data in packs]
    for info in sent:
        info.wait_for_publish(120)
        assert info.is_published()
    for client in clients.values():
        client.disconnect()
        client.loop_stop()


def connected(port: int, name: str, secret: str) -> mqtt.Client:
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=f"{name}-load")
    client.username_pw_set(name, secret)
    client.max_inflight_messages_set(INFLIGHT)
    client.connect("127.0.0.1", port)
    client.loop_start()
    return client


def payload(number: int) -> bytes:
    """What one pack holds: ten metrics at ten times."""
    random = np.random.default_rng(number)
    values = 20 + random.normal(0, 0.5, (TIMES, len(METRICS))).round(3)
    first_s = START_S + number * TIMES
    records: list[dict[str, Any]] = [
        {"n": metric, "u": "Cel", "t": second, "v": float(values[second, column])}
        for second in range(TIMES)
        for column, metric in enumerate(METRICS)
    ]
    records[0] |= {"bt": first_s, "boot": "bench", "seq": number}
    return json.dumps(records, separators=(",", ":")).encode()


def machine() -> dict[str, Any]:
    return {
        "cpus": os.cpu_count(),
        "processor": platform.processor() or platform.machine(),
        "python": platform.python_version(),
        "load_1min": round(os.getloadavg()[0], 1),
    }


if __name__ == "__main__":
    main()

"""What `benchmarks/ingest.py` measures inside one process: the bare reader, and a store of a year."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.under_load import Server, fleet, median
from device_agent.wire import decode_pack
from server.app.consuming import Consumer
from server.app.garbage import settle
from server.bench.payloads import PayloadMaker
from server.broker import Broker, BrokerSettings
from server.device.credentials import DeviceAuthenticator
from server.device.service import add_device
from server.ingest.jetstream import JetStreamSource
from server.ingest.source import Message
from server.kit.clock import SystemClock
from server.kit.database import Database
from server.kit.settings import Settings
from server.migrations import upgrade
from server.pipeline import Pipeline, PipelineParts
from server.telemetry.duckdb import DuckDbTelemetryStore
from server.telemetry.samples import SampleBatch, SeriesKey

DEVICES, METRICS, PACK = 100, 10, 100
RATIO_PACKS, RATIO_ROUNDS = 15_000, 3
HISTORY_BATCH = 500_000
YEAR_S = 365 * 86_400


class Reached:
    """The product's own pipeline and source, watched: how far it is, by all that a batch means."""

    def __init__(self) -> None:
        self.checkpointed = 0
        self._pipeline: Pipeline | None = None

    @property
    def recorded(self) -> int:
        """Position up to which everything is stored, judged and on record."""
        return self._pipeline.position if self._pipeline else 0

    def make(self, stream: str, parts: PipelineParts) -> Pipeline:
        self._pipeline = Pipeline(stream, parts)
        return self._pipeline


class WatchedSource(JetStreamSource):
    """Tells when the pipeline has checkpointed a position."""

    def __init__(self, reached: Reached, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._reached = reached

    async def acknowledge(self, position: int) -> None:
        self._reached.checkpointed = position
        await super().acknowledge(position)


async def ratio(folder: Path) -> dict[str, Any]:
    """Bare reader and pipeline in turns over the same messages in the broker's store.

    The pipeline's rate is that of a backlog, until its last sample is stored, judged and on record, with the
    checkpoints that fall due meanwhile. `checkpointed` also counts the wait for the one after it, which comes
    up to two seconds later by the clock, with nothing to do until then.
    """
    server = Server(folder / "ratio", device_samples_per_s=0)
    await asyncio.to_thread(server.add_devices, DEVICES)
    records = Database.at(server.data / "records.sqlite3")
    settings = BrokerSettings(server.data / "broker", mqtt_port=0)
    rows: list[dict[str, float]] = []
    settle()
    async with Broker(settings, DeviceAuthenticator(records)) as broker:
        mqtt = f"mqtt://127.0.0.1:{broker.mqtt_port}"
        load = {"devices": DEVICES, "pack_samples": PACK, "metrics": METRICS, "in_flight": 4}
        while (await broker.stream.state()).last_position < RATIO_PACKS:
            await asyncio.to_thread(fleet, mqtt, server.credentials, duration=5, **load)
        packs = (await broker.stream.state()).last_position
        for number in range(RATIO_ROUNDS + 1):
            samples = packs * PACK
            spent_s = time.process_time()
            bare_s = await bare(broker, packs)
            between_s = time.process_time()
            whole_s, saved_s = await pipeline(
                broker, packs, server.data, folder / f"round-{number}"
            )
            row = {
                "bare": samples / bare_s,
                "pipeline": samples / whole_s,
                "checkpointed": samples / saved_s,
                "bare_cpu_us": (between_s - spent_s) / samples * 1e6,
                "pipeline_cpu_us": (time.process_time() - between_s) / samples * 1e6,
            }
            rows.append(row)
    records.close()
    rows = rows[1:]  # the first loads the compiled kernel
    rates = {
        name: round(median([row[name] for row in rows]))
        for name in ("bare", "pipeline", "checkpointed")
    }
    cpu_us = {
        name: round(median([row[f"{name}_cpu_us"] for row in rows]), 2)
        for name in ("bare", "pipeline")
    }
    shares = [row["pipeline"] / row["bare"] for row in rows]
    return {
        "samples_per_s": rates,
        "pipeline_of_bare": round(median(shares), 3),
        "cpu_us_a_sample": cpu_us,
        "pipeline_of_bare_by_cpu": round(cpu_us["bare"] / cpu_us["pipeline"], 3),
        "each": [round(share, 3) for share in shares],
        "packs": packs,
    }


async def bare(broker: Broker, last: int) -> float:
    """Seconds to receive and decode everything up to position `last`, and to do nothing with it."""
    source = JetStreamSource(broker.client, broker.stream)
    began_s, position = time.perf_counter(), 0
    while position < last:
        for message in await source.fetch(512, 1.0):
            position = message.position
            device_id, leaf = message.topic.split("/")[1:]
            if leaf == "telemetry":
                decode_pack(message.payload, device_id=device_id, received_s=message.received_s)
    seconds = time.perf_counter() - began_s
    await source.close()
    return seconds


async def pipeline(broker: Broker, last: int, data: Path, folder: Path) -> tuple[float, float]:
    """Seconds until the product's own consumer has recorded position `last`, and checkpointed it, from empty."""
    folder.mkdir()  # noqa: ASYNC240 - nothing else runs in this loop yet
    shutil.copy(data / "records.sqlite3", folder / "records.sqlite3")
    records = Database.at(folder / "records.sqlite3")
    store = DuckDbTelemetryStore(folder / "telemetry.duckdb")
    settings = Settings(data_dir=folder, device_samples_per_s=0)
    parts = PipelineParts(store, records, SystemClock(), settings, after_commit=lambda: None)
    reached = Reached()
    consumer = Consumer(
        lambda after: WatchedSource(reached, broker.client, broker.stream, start_after=after),
        partial(reached.make, parts=parts),
        settings,
    )
    running = asyncio.create_task(consumer.run())
    began_s = time.perf_counter()
    while reached.recorded < last:  # noqa: ASYNC110 - a benchmark of the consumer as it is
        await asyncio.sleep(0.01)
    recorded_s = time.perf_counter() - began_s
    while reached.checkpointed < last:  # noqa: ASYNC110 - likewise
        await asyncio.sleep(0.01)
    checkpointed_s = time.perf_counter() - began_s
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    consumer.close()
    store.close()
    records.close()
    shutil.rmtree(folder)
    return recorded_s, checkpointed_s


def history(folder: Path, samples: int) -> dict[str, Any]:
    """CPU of the pipeline a sample on an empty store, and on one that holds a year already."""
    place = folder / "history"
    place.mkdir()
    records = Database.at(place / "records.sqlite3")
    upgrade(records)
    clock = SystemClock()
    with records.transaction() as session:
        for number in range(DEVICES):
            add_device(session, device_id=f"bench-{number:05}", now=clock.now())
    settings = Settings(data_dir=place, device_samples_per_s=0)
    settle()
    found: dict[str, Any] = {}
    for name, past in (("warm-up", 0), ("empty", 0), ("a year", samples)):
        store = DuckDbTelemetryStore(place / f"{name}.duckdb")
        filled_s = fill(store, past)
        parts = PipelineParts(store, records, clock, settings, after_commit=lambda: None)
        made = Pipeline(name, parts)
        cost_us = cost_of_messages(made)
        store.close()
        file = next(place.glob(f"{name}.duckdb"))
        found[name] = {
            "samples_before": past,
            "cpu_us_a_sample": round(cost_us, 2),
            "fill_samples_per_s": round(past / filled_s) if past else None,
            "file_mb": round(file.stat().st_size / 2**20),
        }
    records.close()
    del found["warm-up"]
    return found


def fill(store: DuckDbTelemetryStore, samples: int) -> float:
    """A year of the fleet's series, evenly, up to an hour ago; seconds it took."""
    series = np.array(
        [
            store.series_id(SeriesKey(f"bench-{device:05}", f"part/{metric}"), "Cel")
            for device in range(DEVICES)
            for metric in range(METRICS)
        ],
        dtype=np.int32,
    )
    times = samples // len(series)
    step_s = YEAR_S / max(times, 1)
    first_s = time.time() - 3_600 - YEAR_S
    random = np.random.default_rng(1)
    at_once = max(1, HISTORY_BATCH // len(series))
    began_s = time.perf_counter()
    for start in range(0, times, at_once):
        count = min(at_once, times - start)
        moments = first_s + step_s * np.arange(start, start + count, dtype=np.float64)
        batch = SampleBatch(
            np.tile(series, count),
            np.repeat(moments, len(series)),
            random.normal(20, 0.5, count * len(series)).round(3),
        )
        store.append(batch, stream="past", position=start + count)
    return time.perf_counter() - began_s


def cost_of_messages(pipeline: Pipeline, packs: int = 6_000, batch: int = 512) -> float:
    """CPU µs a sample over `packs` live messages; the first batches, with new series, are not counted."""
    maker = PayloadMaker(pack_samples=PACK, metrics=METRICS, interval_s=0.01, boot="h")
    now_s = time.time()
    messages = [
        Message(
            number + 1,
            f"devices/bench-{number % DEVICES:05}/telemetry",
            maker.payload(number % DEVICES, number // DEVICES, now_s + number // DEVICES * 0.1),
            now_s + 10,
        )
        for number in range(packs)
    ]
    warm = 2 * batch
    pipeline.process(messages[:batch])
    pipeline.process(messages[batch:warm])
    began_s = time.process_time()
    for start in range(warm, packs, batch):
        pipeline.process(messages[start : start + batch])
    pipeline.checkpoint()
    return (time.process_time() - began_s) / ((packs - warm) * PACK) * 1e6

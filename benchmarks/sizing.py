"""What an installation needs: devices x metrics x rate -> cores, memory, disk, from costs measured now.

Measured in this run: CPU of a worker and of VictoriaMetrics for a stored sample, bytes that a sample takes
there, memory of a series in the detectors. Taken from `benchmarks/ingest.py` (options): CPU of the pipeline
for a sample, CPU to receive a message, memory of a connection. All at full batches: far below full load they
are small and a sample costs more, which never adds up to more than a worker has.

    python benchmarks/sizing.py [--out benchmarks/results/sizing.json]

Prints JSON, then the table of docs/how-to/run-on-several-machines.md in Markdown.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import psutil

from anomaly import EngineSettings, warm_up
from server.detection.detector import Detector
from server.telemetry.opening import open_remote
from server.telemetry.samples import SampleBatch, SeriesKey
from tests.conftest import program
from tests.server.telemetry.victoria import VictoriaProcess

CASES = (
    (100, 10, 1.0, 10),
    (1_000, 10, 1.0, 10),
    (5_000, 10, 1.0, 10),
    (5_000, 20, 0.1, 60),
    (20_000, 10, 0.1, 60),
)
"""Devices, metrics, samples/s of each metric, seconds that a pack covers."""
DAY_S = 86_400
USED_SHARE = 0.5
"""Of the cores bought, so that a backlog is worked off at twice the rate at which it came."""
SERIES, BATCHES, TIMES = 1_000, 40, 50


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--pipeline-us", type=float, default=1.9, help="CPU a sample, without store"
    )
    parser.add_argument("--message-us", type=float, default=30.0, help="CPU to receive a message")
    parser.add_argument("--worker-mb", type=float, default=350.0, help="a worker before any series")
    parser.add_argument("--connection-kb", type=float, default=92.0, help="a device on its node")
    parser.add_argument("--sent-bytes", type=float, default=80.0, help="a sample in SenML JSON")
    parser.add_argument("--stream-gb", type=float, default=8.6, help="FOREWARN_STREAM_MAX_BYTES")
    parser.add_argument("--out", type=Path, help="also write the JSON here")
    given = parser.parse_args()
    costs = vars(given) | measure_store() | {"series_kb": measure_series()}
    del costs["out"]
    costs["machine"] = f"{platform.machine()}, {os.cpu_count()} cores"
    print(json.dumps(costs, indent=2))
    if given.out:
        given.out.write_text(json.dumps(costs, indent=2) + "\n")
    print(
        "\n| devices | metrics | samples/s a metric | seconds a pack | samples/s | "
        "messages/s = fsyncs/s on each node | worker cores bought (busy) | cores busy in the store | "
        "memory of all workers | outage of all workers that the stream bridges | samples a year |"
    )
    print("|" + "---|" * 11)
    for case in CASES:
        print("| " + " | ".join(row(costs, *case)) + " |")


def measure_store() -> dict[str, float]:
    binary = program("victoria-metrics")
    if binary is None:
        sys.exit("VictoriaMetrics is not installed")
    with tempfile.TemporaryDirectory() as name:
        victoria = VictoriaProcess(binary, Path(name))
        try:
            return store_costs(victoria, Path(name))
        finally:
            victoria.stop()


def store_costs(victoria: VictoriaProcess, folder: Path) -> dict[str, float]:
    store = open_remote(victoria.url)
    ids = [
        store.series_id(SeriesKey(f"device-{n // 10}", f"part/{n % 10}"), "Cel")
        for n in range(SERIES)
    ]
    random, start_s = np.random.default_rng(1), time.time() - 3 * DAY_S
    store.position("sizing")
    cpu_s = time.process_time()
    for batch in range(BATCHES):
        times_s = start_s + batch * TIMES + np.arange(TIMES, dtype=np.float64)
        samples = SampleBatch(
            np.repeat(np.array(ids, dtype=np.int32), TIMES),
            np.tile(times_s, SERIES),
            np.round(20 + random.normal(0, 1, SERIES * TIMES), 2),
        )
        store.append(samples, stream="sizing", position=batch + 1)
    count = BATCHES * SERIES * TIMES
    worker_us = (time.process_time() - cpu_s) / count * 1e6
    store.sync("sizing")
    time.sleep(8)  # it merges what it has just written
    process = psutil.Process(victoria.pid)
    written = sum(f.stat().st_size for f in (folder / "data").rglob("*") if f.is_file())
    store.close()
    return {
        "worker_store_us": round(worker_us, 2),
        "store_us": round(sum(process.cpu_times()[:2]) / count * 1e6, 2),
        "stored_bytes": round(written / count, 2),
    }


def measure_series() -> float:
    """kB of resident memory that the detectors take for a series."""
    warm_up()
    fill_detector(100)
    process = psutil.Process()
    before, count = process.memory_info().rss, 20_000
    detector = fill_detector(count)
    grown = process.memory_info().rss - before
    assert detector.parts()
    return round(grown / count / 1000, 2)


def fill_detector(count: int) -> Detector:
    detector = Detector(EngineSettings())
    for n in range(count):
        detector.register(n, SeriesKey(f"device-{n // 10}", f"part/{n % 10}"), "Cel")
    series, values = np.arange(count, dtype=np.int32), np.full(count, 20.0)
    for turn in range(5):
        times_s = np.full(count, 1e9 + turn)
        detector.update(SampleBatch(series, times_s, values), arrived_s=1e9 + turn)
    return detector


def row(
    costs: dict[str, float], devices: int, metrics: int, rate: float, pack_s: float
) -> list[str]:
    samples, messages = devices * metrics * rate, devices / pack_s
    in_worker = samples * (costs["pipeline_us"] + costs["worker_store_us"])
    busy = (in_worker + messages * costs["message_us"]) / 1e6
    cores = max(2, math.ceil(busy / USED_SHARE))  # two workers, so that one may go
    memory_mb = cores * costs["worker_mb"] + devices * metrics * costs["series_kb"] / 1000
    return [
        f"{devices:,}",
        f"{metrics}",
        f"{rate:g}",
        f"{pack_s:g}",
        f"{samples:,.0f}",
        f"{messages:,.0f}",
        f"{cores} ({busy:.2f})",
        f"{samples * costs['store_us'] / 1e6:.2f}",
        f"{memory_mb / 1000:.1f} GB",
        f"{costs['stream_gb'] * 1e9 / samples / costs['sent_bytes'] / 3600:.1f} h",
        size(samples * costs["stored_bytes"] * 365 * DAY_S),
    ]


def size(count: float) -> str:
    return f"{count / 1e12:.1f} TB" if count >= 1e12 else f"{count / 1e9:.0f} GB"


if __name__ == "__main__":
    main()

"""Samples per second from MQTT to stored and scored, with every write on disk, broker and load beside it.

    cells     packs of 10, 100, 1,000 samples from 1, 100, 5,000 devices, as fast as they are acknowledged: until
              the last is stored, judged and on record; what each sample cost in CPU
    latency   age of samples once stored and judged, at half the rate of its cell
    ratio     the same waiting messages: only received and decoded, and through the whole pipeline, in turns
    flat      CPU a sample at one rate from 10, 100, 1,000, 5,000 devices
    history   CPU a sample on an empty store and on one of a year
    memory    of the server and the broker with devices connected, and with series

    python benchmarks/ingest.py [--parts cells,latency,ratio,flat,history,memory] [--seconds 10] [--dir DIR]
                                [--out benchmarks/results/ingest.json]

`--out` is written after each figure. What it holds already stays unless it is measured anew, so that parts may
be run one at a time; `machine` says for each part on what, and how busy it was otherwise.

The load comes from `forewarn bench fleet`, from outside. Every message costs the broker one fsync: what the
disk of DIR can do is printed beside the figures, as `fsyncs_per_s`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.ingest_inside import history, ratio
from benchmarks.under_load import Server, ages, machine, serving

PACKS = (10, 100, 1_000)
DEVICES = (1, 100, 5_000)
FLAT_DEVICES = (10, 100, 1_000, 5_000)
FLAT_PACKS_PER_S = 300
METRICS = 10
NO_LIMIT = {"device_samples_per_s": 0}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", default="cells,latency,ratio,flat,history,memory")
    parser.add_argument("--seconds", type=float, default=10.0, help="of publishing in each run")
    parser.add_argument("--packs", default=",".join(map(str, PACKS)), help="samples a pack")
    parser.add_argument("--devices", default=",".join(map(str, DEVICES)))
    parser.add_argument("--history", type=int, default=50_000_000, help="samples of the year")
    parser.add_argument("--dir", type=Path, help="where data lies; default: the system's temporary")
    parser.add_argument("--out", type=Path, help="also write the JSON here, into what is there")
    given = parser.parse_args()
    report = Report(given.out)
    with tempfile.TemporaryDirectory(dir=given.dir) as folder:
        measure(Path(folder), given, report)
    print(report.text())


class Report:
    """What was found: what `file` holds already, and each new figure as soon as it is there."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._found: dict[str, Any] = {"machine": {}}
        if file and file.exists():
            self._found |= json.loads(file.read_text())

    def text(self) -> str:
        return json.dumps(self._found, indent=2)

    def begin(self, part: str, folder: Path) -> None:
        self._found["machine"][part] = machine(folder)

    def note(self, part: str, found: object) -> None:
        self._found[part] = found
        if self._file:
            self._file.write_text(self.text() + "\n")

    def note_row(self, part: str, row: dict[str, Any]) -> None:
        """Beside the rows of other fleets, instead of an earlier one of the same."""
        rows = [r for r in self._found.get(part, []) if fleet_of(r) != fleet_of(row)]
        self.note(part, sorted([*rows, row], key=fleet_of))


def fleet_of(row: dict[str, Any]) -> tuple[int, int]:
    return row["devices"], row["pack_samples"]


def measure(folder: Path, given: Any, report: Report) -> None:
    parts = set(given.parts.split(","))
    packs = [int(n) for n in given.packs.split(",")]
    devices = [int(n) for n in given.devices.split(",")]
    if "ratio" in parts:
        report.begin("ratio", folder)
        report.note("ratio", asyncio.run(ratio(folder)))
    if parts & {"cells", "latency"}:
        report.begin("cells", folder)
        for count in devices:
            for pack in packs:
                late = "latency" in parts and pack == 100
                report.note_row("cells", cell(folder, pack, count, given.seconds, latency=late))
    if "flat" in parts:
        report.begin("flat", folder)
        for count in FLAT_DEVICES:
            report.note_row("flat", flat(folder, count, given.seconds))
    if "history" in parts:
        report.begin("history", folder)
        report.note("history", history(folder, given.history))
    if "memory" in parts:
        report.begin("memory", folder)
        report.note("memory", memory(folder))


def cell(folder: Path, pack: int, devices: int, seconds: float, *, latency: bool) -> dict[str, Any]:
    """One fleet at full speed on a server of its own, and again at half of that."""
    metrics = min(METRICS, pack)
    with serving(folder / f"cell-{pack}-{devices}", devices=devices, **NO_LIMIT) as server:
        warm_up(server, devices, pack, metrics)
        # So much in flight of all devices together, and no more than a broker queues for some seconds.
        in_flight = max(1, 400 // devices)
        row = run_load(
            server, devices, pack, metrics, duration=seconds, in_flight=in_flight, drain=120
        )
        if latency:
            rate = row["samples_per_s"] / pack / 2
            before = server.metrics()
            half = run_load(server, devices, pack, metrics, duration=seconds, rate=rate, drain=120)
            row["half"] = {
                "samples_per_s": half["samples_per_s"],
                "age": ages(before, server.metrics()),
                "puback_ms": half["puback_ms"],
            }
    tell(row)
    return row


def warm_up(server: Server, devices: int, pack: int, metrics: int) -> None:
    """The detectors' compiler, DuckDB's first table, every device's series."""
    run_load(server, devices, pack, metrics, duration=3, rate=max(20.0, devices / 2), drain=120)


def run_load(
    server: Server, devices: int, pack: int, metrics: int, **options: object
) -> dict[str, Any]:
    settle_s = 2.0 + devices / 400
    marks = Marks(server, pack, settle_s)
    found = server.fleet(
        hear=marks.hear,
        settle=settle_s,
        devices=devices,
        pack_samples=pack,
        metrics=metrics,
        **options,
    )
    samples = found["samples_acknowledged"]
    first, before, after = marks.costs
    seconds = found["publishing_s"] + found["drained_s"] + marks.waited_s
    return {
        "pack_samples": pack,
        "devices": devices,
        "samples": samples,
        "samples_per_s": round(samples / seconds),
        "messages_per_s": round(samples / pack / seconds),
        "stored_s_after_puback": round(marks.waited_s, 2),
        "server_cpu_us_a_sample": round((after.server_s - before.server_s) / samples * 1e6, 2),
        "broker_cpu_us_a_sample": round((after.broker_s - before.broker_s) / samples * 1e6, 2),
        "connecting": {
            "seconds": found["connected_s"],
            "server_cpu_ms_a_device": round((before.server_s - first.server_s) / devices * 1e3, 2),
            "broker_cpu_ms_a_device": round((before.broker_s - first.broker_s) / devices * 1e3, 2),
        },
        "generator_cpu_share": found["cpu_share"],
        "puback_ms": found["puback_ms"],
    }


class Marks:
    """What was spent before the fleet connects, when all it said at that is done, and when all is stored."""

    def __init__(self, server: Server, pack: int, settle_s: float) -> None:
        self._server, self._pack, self._settle_s = server, pack, settle_s
        self._stored = server.stored()
        self.costs = [server.cost()]
        self.waited_s = 0.0

    def hear(self, line: str) -> None:
        if " connected after " in line:
            time.sleep(0.9 * self._settle_s)
            self.costs.append(self._server.cost())
        elif "packs acknowledged" in line:
            began_s = time.perf_counter()
            self._server.wait_stored(self._stored + int(line.split(maxsplit=1)[0]) * self._pack)
            self.waited_s = time.perf_counter() - began_s
            self.costs.append(self._server.cost())


def flat(folder: Path, devices: int, seconds: float) -> dict[str, Any]:
    """The cost of a sample when the same load comes from more devices."""
    with serving(folder / f"flat-{devices}", devices=devices, **NO_LIMIT) as server:
        warm_up(server, devices, 100, METRICS)
        row = run_load(
            server, devices, 100, METRICS, duration=seconds, rate=FLAT_PACKS_PER_S, drain=120
        )
    tell(row)
    return row


def memory(folder: Path, devices: int = 5_000) -> dict[str, Any]:
    """Resident memory: started, with devices connected, with ten and with twenty series of each."""
    with serving(folder / "memory", devices=devices, **NO_LIMIT) as server:
        load = {"devices": devices, "drain": 120}
        server.fleet(devices=1, duration=2, rate=5)  # the compiler is loaded
        idle = server.rss_mb()
        connected = during(server, pack_samples=1, metrics=1, rate=1, duration=10, **load)
        server.fleet(pack_samples=10, metrics=10, rate=devices / 5, duration=10, **load)
        ten = server.rss_mb()
        server.fleet(pack_samples=30, metrics=30, rate=devices / 5, duration=10, **load)
        thirty = server.rss_mb()
    return {
        "devices": devices,
        "rss_mb": {
            "started": idle,
            "connected": connected,
            "10 series each": ten,
            "30 series each": thirty,
        },
        "kb_a_connected_device": {
            name: round((connected[name] - idle[name]) * 1024 / devices, 1) for name in idle
        },
        "kb_a_series": round((thirty["server"] - ten["server"]) * 1024 / (20 * devices), 1),
    }


def during(server: Server, **options: object) -> dict[str, float]:
    """Memory while the fleet is connected."""
    running = threading.Thread(target=server.fleet, kwargs=options)
    running.start()
    most = server.rss_mb()
    while running.is_alive():
        now = server.rss_mb()
        most = {name: max(most[name], now[name]) for name in most}
        running.join(0.5)
    return most


def tell(row: dict[str, Any]) -> None:
    print(json.dumps(row), file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()

"""Where the real telemetry lies, how it is read, and what every result states about itself."""

from __future__ import annotations

import gzip
import json
import os
import platform
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "../shared/data"
RESULTS = ROOT / "benchmarks/results"
sys.path.insert(0, str(ROOT))

from anomaly import Engine, Finding  # noqa: E402
from anomaly.csv_table import Chunk, open_csv  # noqa: E402
from anomaly.score_rows import MissingMetrics, Whole, rows_of  # noqa: E402

Wide = tuple[list[str], np.ndarray, np.ndarray]
EPISODE_S = 3600.0


def read_wide(path: Path) -> Wide:
    """Metrics, times (n,), values (n, metrics)."""
    table = open_csv(path)
    chunks = list(table.chunks)
    times = np.concatenate([chunk.times_s for chunk in chunks])
    return table.metrics, times, np.concatenate([chunk.values for chunk in chunks])


def read_rows(path: Path, separator: str | None = None) -> np.ndarray:
    with gzip.open(path, "rt") as stream:
        return np.array([[float(cell) for cell in line.split(separator)] for line in stream])


def play(
    engine: Engine, device: str, metrics: Sequence[str], times: np.ndarray, values: np.ndarray,
    units: dict[str, str] | None = None,
) -> list[Finding]:  # fmt: skip
    """Feed a wide table row by row; the first word on each finding, in order of detection."""
    units = units or {}
    series = np.array([engine.series(device, m, units.get(m, "")) for m in metrics], np.int32)
    here = np.isfinite(values)
    found = engine.update(
        np.broadcast_to(series, values.shape)[here],
        np.broadcast_to(times[:, None], values.shape)[here],
        values[here],
        float(times[-1]),
    )
    first: dict[str, Finding] = {}
    for finding in found:
        first.setdefault(finding.id, finding)
    return list(first.values())


def play_rows(
    engine: Engine, device: str, metrics: Sequence[str], times: np.ndarray, values: np.ndarray,
    units: dict[str, str] | None = None,
) -> tuple[list[Finding], np.ndarray]:  # fmt: skip
    """`play`, and the times at which the alarm of the device as a whole goes up."""
    units = units or {}
    series = np.array([engine.series(device, m, units.get(m, "")) for m in metrics], np.int32)
    here = np.isfinite(values)
    found, samples, whole = engine.update_rows(
        np.broadcast_to(series, values.shape)[here],
        np.broadcast_to(times[:, None], values.shape)[here],
        values[here],
        float(times[-1]),
    )
    missing = MissingMetrics()
    first: dict[str, Finding] = {}
    for finding in found:
        missing.note(finding)
        first.setdefault(finding.id, finding)
    scores = np.full(values.shape, np.nan, np.float32)
    alarms = np.full(values.shape, 255, np.uint8)
    scores[here], alarms[here] = samples
    _, up = Whole(len(metrics)).take(
        Chunk(0, [], times, values), scores, alarms, rows_of(here, *whole), missing, -np.inf
    )
    return list(first.values()), times[np.diff(up.astype(int), prepend=0) == 1]


def rooms() -> Iterable[tuple[str, Wide]]:
    for path in sorted((DATA / "keti_rooms").glob("*.csv.gz")):
        yield path.name.split(".")[0], read_wide(path)


def episodes(times: Iterable[float]) -> int:
    """Alarms within an hour of one another are one episode."""
    count, last = 0, -np.inf
    for time_s in sorted(times):
        count += time_s - last > EPISODE_S
        last = time_s
    return count


def machine() -> str:
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        model = names[0].split(":", 1)[1].strip() if names else model
    return f"{os.cpu_count()} x {model}, Python {platform.python_version()}"


def report(name: str, result: dict[str, Any]) -> None:
    """Print the result as JSON and keep it."""
    whole = {"benchmark": name, "machine": machine()} | result
    text = json.dumps(whole, indent=2, default=float)
    print(text)
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / f"anomaly_{name}.json").write_text(text + "\n")

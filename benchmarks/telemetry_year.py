"""A year at 1 Hz in DuckDB: how quickly any zoom is drawn, and what an append costs then.

One series with 31.5 M samples, nine more of the same device every 10 s. The product's own store and
upkeep; the same questions are put to the raw samples in one plain DuckDB table, in arrival order, in the
same run (what a first version would do).

    append     ms for a batch of 10,000 samples, into an empty store and after the year
    zoom       ms for 2,000 points (median and worst of five places), by width of the range
    upkeep     seconds of rolling up and sorting beside the appends, as a share of the appending

    python benchmarks/telemetry_year.py [--days 365] [--out benchmarks/results/telemetry_year.json]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import duckdb
import numpy as np

from server.telemetry.duckdb import DuckDbTelemetryStore
from server.telemetry.samples import SampleBatch, SeriesKey

START_S = 1_735_689_600  # 2025-01-01
DAY_S = 86_400
POINTS = 2_000
SLOW_SERIES, SLOW_STEP_S = 9, 10
LIMIT_MS = 300
ZOOMS_S = {
    "10 min": 600,
    "1 h": 3600,
    "6 h": 6 * 3600,
    "1 day": DAY_S,
    "2 days": 2 * DAY_S,
    "1 week": 7 * DAY_S,
    "1 month": 30 * DAY_S,
    "3 months": 91 * DAY_S,
    "6 months": 182 * DAY_S,
    "1 year": 365 * DAY_S,
}
_PLAIN = """
SELECT min(time_us), min(value), avg(value), max(value), count(*) FROM sample
WHERE series = 1 AND time_us >= ? AND time_us < ? GROUP BY (time_us - ?) // ? ORDER BY 1
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--out", type=Path, help="also write the JSON here")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder), given.days)
    text = json.dumps(found, indent=2)
    print(text)
    if given.out:
        given.out.write_text(text + "\n")


def measure(folder: Path, days: int) -> dict[str, Any]:
    store = DuckDbTelemetryStore(folder / "telemetry.duckdb")
    plain = duckdb.connect(str(folder / "plain.duckdb"), config={"threads": 2})
    plain.execute("CREATE TABLE sample (series INTEGER, time_us BIGINT, value DOUBLE)")
    keys = [SeriesKey("machine", f"part/{number}") for number in range(1 + SLOW_SERIES)]
    for key in keys:
        store.series_id(key, "Cel")
    position = 0
    seconds = {"append": 0.0, "upkeep": 0.0, "plain": 0.0}

    def append(batch: SampleBatch) -> float:
        nonlocal position
        position += 1
        return taken(lambda: store.append(batch, stream="bench", position=position))

    live = [live_batch(number) for number in range(40)]
    empty_ms = [1000 * append(batch) for batch in live[:20]]
    for day in range(days):
        show(f"day {day + 1} of {days}")
        for batch in year_batches(day):
            seconds["append"] += append(batch)
            rows = {
                "s": batch.series,
                "t": (batch.times_s * 1e6).astype(np.int64),
                "v": batch.values,
            }
            seconds["plain"] += taken(lambda rows=rows: plain_append(plain, rows))
        now_s = START_S + (day + 1) * DAY_S
        seconds["upkeep"] += taken(lambda now_s=now_s: store.upkeep(now_s + 2 * 3600.0))
    show("asking\n")
    full_ms = [1000 * append(batch) for batch in live[20:]]
    end_s = START_S + days * DAY_S
    zooms = {
        name: zoom(store, plain, keys[0], length_s, end_s)
        for name, length_s in ZOOMS_S.items()
        if length_s <= days * DAY_S
    }
    samples = store.count()
    store.close()
    plain.close()
    again_s = taken(lambda: DuckDbTelemetryStore(folder / "telemetry.duckdb").close())
    return {
        "samples": samples,
        "append_10k_ms": {
            "empty": round(statistics.median(empty_ms), 1),
            "after": round(statistics.median(full_ms), 1),
            "ratio": round(statistics.median(full_ms) / statistics.median(empty_ms), 2),
        },
        "seconds": {name: round(value, 1) for name, value in seconds.items()},
        "upkeep_of_append": round(seconds["upkeep"] / seconds["append"], 2),
        "zoom_ms": zooms,
        "slowest_ms": max(row["worst"] for row in zooms.values()),
        "limit_ms": LIMIT_MS,
        "file_mb": round((folder / "telemetry.duckdb").stat().st_size / 1e6),
        "plain_file_mb": round((folder / "plain.duckdb").stat().st_size / 1e6),
        "open_s": round(again_s, 2),
        "machine": machine(),
    }


def year_batches(day: int) -> list[SampleBatch]:
    """One day in four batches: series 1 every second, the others every ten."""
    random = np.random.default_rng(day)
    begin = START_S + day * DAY_S
    fast = begin + np.arange(DAY_S, dtype=np.float64)
    slow = begin + np.arange(0, DAY_S, SLOW_STEP_S, dtype=np.float64)
    times = np.concatenate((fast, np.repeat(slow, SLOW_SERIES)))
    series = np.concatenate(
        (
            np.ones(len(fast), dtype=np.int32),
            np.tile(np.arange(2, 2 + SLOW_SERIES, dtype=np.int32), len(slow)),
        )
    )
    order = np.argsort(times, kind="stable")
    values = (20 + np.sin(times / 3000) + random.normal(0, 0.2, len(times))).round(3)
    return [
        SampleBatch(series[part], times[part], values[part]) for part in np.array_split(order, 4)
    ]


def live_batch(number: int) -> SampleBatch:
    """10,000 samples after the year, as a pipeline brings them."""
    begin = START_S + 400 * DAY_S + number * 1000
    times = begin + np.repeat(np.arange(1000.0), 1 + SLOW_SERIES)
    series = np.tile(np.arange(1, 2 + SLOW_SERIES, dtype=np.int32), 1000)
    return SampleBatch(series, times, np.random.default_rng(number).normal(20, 1, 10_000).round(3))


def plain_append(plain: Any, rows: dict[str, Any]) -> None:  # noqa: ARG001 - DuckDB reads it by name
    plain.execute("INSERT INTO sample SELECT s, t, v FROM rows")


def zoom(
    store: DuckDbTelemetryStore, plain: Any, key: SeriesKey, length_s: int, end_s: int
) -> dict[str, float]:
    room = end_s - START_S - length_s
    places = [START_S + room * share for share in (0.03, 0.31, 0.5, 0.77, 1.0)]
    ours, theirs, points = [], [], 0
    for from_s in places:

        def ask(from_s: float = from_s) -> None:
            nonlocal points
            found = store.query(key, from_s=from_s, to_s=from_s + length_s, points=POINTS)
            points = len(found.times_s)

        def ask_plain(from_s: float = from_s) -> None:
            first, width = round(from_s * 1e6), length_s * 1_000_000 // POINTS
            plain.execute(_PLAIN, [first, first + length_s * 1_000_000, first, width]).fetchall()

        ours.append(1000 * taken(ask))
        theirs.append(1000 * taken(ask_plain))
    return {
        "median": round(statistics.median(ours), 1),
        "worst": round(max(ours), 1),
        "plain_median": round(statistics.median(theirs), 1),
        "points": points,
    }


def taken(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def show(text: str) -> None:
    if sys.stderr.isatty() or text.endswith("\n"):
        print(f"\r{text}", end="", file=sys.stderr, flush=True)


def machine() -> dict[str, Any]:
    return {
        "cpus": os.cpu_count(),
        "processor": platform.processor() or platform.machine(),
        "python": platform.python_version(),
        "duckdb": duckdb.__version__,
        "load_1min": round(os.getloadavg()[0], 1),
    }


if __name__ == "__main__":
    main()

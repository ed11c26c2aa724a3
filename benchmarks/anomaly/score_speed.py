"""`forewarn score` on a million rows, from the start of the process to its end: seconds and resident memory.

The same readings as a wide table, as one with decimal commas and local dates, and as one reading a line; and
10,000 columns. Each is scored twice, scores and findings written; the faster run counts. The compiled code
lies in its cache, as from the second use on.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from telemetry import ROOT, report

ROWS = 1_000_000
START = np.datetime64("2026-02-02T00:00:00")


def write_files(home: Path) -> None:
    random = np.random.default_rng(1)
    at = np.arange(ROWS) * 10
    air = 21 + 2 * np.sin(2 * np.pi * at / 86_400) + np.cumsum(random.normal(0, 0.01, ROWS)) * 0.05
    humid, current = random.normal(45, 1, ROWS), random.normal(3, 0.1, ROWS)
    stamps = np.datetime_as_string(START + at.astype("timedelta64[s]")).tolist()
    rows = list(zip(stamps, air.tolist(), humid.tolist(), current.tolist(), strict=True))
    files = {
        "wide_3_metrics": ["time,air [Cel],humidity,current [A]\n"]
        + [f"{t},{a:.2f},{h:.2f},{c:.3f}\n" for t, a, h, c in rows],
        "wide_1_metric": ["time,air [Cel]\n"] + [f"{t},{a:.2f}\n" for t, a, _, _ in rows],
        "decimal_commas_local_dates_2_metrics": ["Zeit;Luft [°C];Feuchte\n"]
        + [
            f"{t[8:10]}.{t[5:7]}.{t[:4]} {t[11:]};" + f"{a:.2f};{h:.2f}\n".replace(".", ",")
            for t, a, h, _ in rows
        ],
        "long_10_devices_2_metrics": ["time,device,metric,value\n"]
        + [
            f"{t},d{k},{name},{value + k:.2f}\n"
            for t, a, h, _ in rows[: ROWS // 20]
            for k in range(10)
            for name, value in (("air", a), ("humidity", h))
        ],
        "10000_columns_300_rows": ["time," + ",".join(f"m{i}" for i in range(10_000)) + "\n"]
        + [
            f"{stamp}," + ",".join(f"{v:.2f}" for v in random.normal(5, 1, 10_000)) + "\n"
            for stamp in stamps[:300]
        ],
    }
    for name, lines in files.items():
        (home / f"{name}.csv").write_text("".join(lines), encoding="utf-8")


def scored(path: Path, home: Path) -> dict[str, float]:
    command = [
        sys.executable, "-m", "server.cli", "score", str(path), "--out", str(home / "scores.out"),
        "--findings", str(home / "findings.json"),
    ]  # fmt: skip
    best = (float("inf"), 0.0)
    for _ in range(2):
        begun = time.perf_counter()
        child = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode != 0:
            raise SystemExit(f"{path.name}: ended with {child.returncode}")
        best = min(best, (time.perf_counter() - begun, usage.ru_maxrss / 1024))
    return {"seconds": round(best[0], 1), "resident_mb": round(best[1])}


def main() -> None:
    with tempfile.TemporaryDirectory() as home:
        # In a process of its own: a child's memory is counted from what its parent had.
        subprocess.run([sys.executable, __file__, home], check=True)
        files = sorted(Path(home).glob("*.csv"))
        report(
            "score_speed", {"rows": ROWS, "results": {p.stem: scored(p, Path(home)) for p in files}}
        )


if __name__ == "__main__":
    if len(sys.argv) > 1:
        write_files(Path(sys.argv[1]))
    else:
        main()

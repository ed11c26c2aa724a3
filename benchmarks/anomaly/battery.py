"""End of life (1.4 Ah) of battery cells, forecast from cycle 60 (and others), one cell left out.

The forecast is `anomaly.forecast.time_to_limit` on the capacity per cycle, alone and with the other
cells as peers. Beside it: a straight line through everything, and the mean life of the other cells.
B0007 never goes below 1.4 Ah in the 168 cycles on record (1.4005): its end is counted as cycle 169.
"""

from __future__ import annotations

import csv
import io
import tarfile

import numpy as np
from telemetry import DATA, report

from anomaly.forecast import time_to_limit

CELLS = ("B0005", "B0006", "B0007")
LIMIT_AH = 1.4
FROM = (40, 50, 60, 70, 80, 90, 100)


def capacity(cell: str) -> np.ndarray:
    """Ampere-hours of each discharge."""
    by_cycle: dict[int, float] = {}
    with tarfile.open(DATA / f"nasa_battery/{cell}_discharge.tar.gz") as archive:
        inner = archive.extractfile(archive.getmembers()[0])
        assert inner is not None
        for row in csv.DictReader(io.TextIOWrapper(inner, "utf-8")):
            by_cycle[int(row["cycle_num"])] = float(row["Capacity"])
    return np.array([by_cycle[cycle] for cycle in sorted(by_cycle)])


def end_of_life(course: np.ndarray) -> int:
    below = np.flatnonzero(course < LIMIT_AH)
    return int(below[0]) + 1 if len(below) else len(course) + 1


def line_through(cycles: np.ndarray, course: np.ndarray) -> float:
    slope, level = np.polyfit(cycles, course, 1)
    return float((LIMIT_AH - level) / slope)


def main() -> None:
    courses = {cell: capacity(cell) for cell in CELLS}
    ends = {cell: end_of_life(course) for cell, course in courses.items()}
    result, inside = {}, {"alone": [], "with_peers": []}
    for start in FROM:
        rows: dict[str, list] = {name: [] for name in ("alone", "with_peers", "line", "mean_life")}
        for cell, course in courses.items():
            cycles = np.arange(1.0, start + 1)
            others = [c for c in CELLS if c != cell]
            peers = [(np.arange(1.0, len(courses[c]) + 1), courses[c]) for c in others]
            for name, known in (("alone", []), ("with_peers", peers)):
                told = time_to_limit(cycles, course[:start], LIMIT_AH, peers=known)
                rows[name].append(told.at - ends[cell])
                inside[name].append(told.low <= ends[cell] <= told.high)
            rows["line"].append(line_through(cycles, course[:start]) - ends[cell])
            rows["mean_life"].append(np.mean([ends[c] for c in others]) - ends[cell])
        result[f"from_{start}"] = {
            name: {
                "errors_cycles": [round(float(e), 1) for e in errors],
                "mae_cycles": round(float(np.mean(np.abs(errors))), 1),
            }
            for name, errors in rows.items()
        }
    at_60 = FROM.index(60) * len(CELLS)
    coverage = {
        name: {
            "from_60": f"{sum(hits[at_60 : at_60 + 3])} of 3",
            "all_starts": round(float(np.mean(hits)), 2),
        }
        for name, hits in inside.items()
    }
    report(
        "battery",
        {"ends": ends, "results": result, "coverage_of_80": coverage,
         "note": "three cells: an MAE of three numbers and a coverage of three hits say little"},
    )  # fmt: skip


if __name__ == "__main__":
    main()

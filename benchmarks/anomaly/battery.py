"""End of life (1.4 Ah) of battery cells, forecast from cycle 60 on, one cell left out.

The forecast is `anomaly.forecast.time_to_limit` on the capacity per cycle, alone and with the other
cells as peers. Beside it: a straight line through everything, and the mean life of the other cells.
B0007 never goes below 1.4 Ah in the 168 cycles on record (1.4005): its end is counted as cycle 169.

"Forecast from cycle 60, MAE and interval coverage" can be read in two ways, and both are printed: one
forecast a cell, as of cycle 60 (three numbers, whose coverage can only be 0, 33, 67 or 100 %), and one as of
every cycle from 60 on until the end (of which a coverage of 80 % +- 8 can be asked). A cell's capacity recovers
when it rests, so that it passes 1.4 Ah more than once: the end is the first discharge below it; beside it
the first after which none reaches 1.4 Ah again (for B0006 13 cycles later).
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


def end_for_good(course: np.ndarray) -> int:
    """The cycle after the last discharge that reached the limit."""
    return int(np.flatnonzero(course >= LIMIT_AH)[-1]) + 2


def line_through(cycles: np.ndarray, course: np.ndarray) -> float:
    slope, level = np.polyfit(cycles, course, 1)
    return float((LIMIT_AH - level) / slope)


def forecasts(courses: dict[str, np.ndarray], cell: str, start: int) -> dict[str, tuple]:
    """By each method the end as of cycle `start`, and the ends of its interval where it has one."""
    cycles, own = np.arange(1.0, start + 1), courses[cell][:start]
    others = [course for name, course in courses.items() if name != cell]
    peers = [(np.arange(1.0, len(course) + 1), course) for course in others]
    told = {}
    for name, known in (("alone", []), ("with_peers", peers)):
        crossing = time_to_limit(cycles, own, LIMIT_AH, peers=known)
        told[name] = crossing.at, crossing.low, crossing.high
    told["line"] = (line_through(cycles, own),)
    told["mean_life"] = (float(np.mean([end_of_life(course) for course in others])),)
    return told


def once(courses: dict[str, np.ndarray], ends: dict[str, int], start: int) -> dict:
    """One forecast a cell, as of cycle `start`."""
    told = {cell: forecasts(courses, cell, start) for cell in courses}
    result = {}
    for name in told[CELLS[0]]:
        errors = [told[cell][name][0] - ends[cell] for cell in CELLS]
        result[name] = {
            "errors_cycles": [round(float(error), 1) for error in errors],
            "mae_cycles": round(float(np.mean(np.abs(errors))), 1),
        }
        if len(told[CELLS[0]][name]) > 1:
            held = [told[c][name][1] <= ends[c] <= told[c][name][2] for c in CELLS]
            result[name]["in_80_interval"] = f"{sum(held)} of {len(CELLS)}"
    return result


def always(courses: dict[str, np.ndarray], ends: dict[str, int], start: int) -> dict:
    """A forecast as of every cycle from `start` on, as long as the end is ahead."""
    told: dict[str, dict[str, list[tuple]]] = {}
    for cell, course in courses.items():
        for cycle in range(start, min(ends[cell], len(course) + 1)):
            for name, forecast in forecasts(courses, cell, cycle).items():
                told.setdefault(name, {}).setdefault(cell, []).append(forecast)
    result = {}
    for name, by_cell in told.items():
        errors = {cell: np.array([f[0] for f in fs]) - ends[cell] for cell, fs in by_cell.items()}
        of_cells = [float(np.mean(np.abs(errors[cell]))) for cell in CELLS]
        result[name] = {
            "mae_cycles": round(float(np.mean(np.abs(np.concatenate(list(errors.values()))))), 1),
            "mae_of_each_cell": [round(error, 1) for error in of_cells],
            "mae_mean_of_cells": round(float(np.mean(of_cells)), 1),
        }
        if len(by_cell[CELLS[0]][0]) > 1:
            held = [low <= ends[c] <= high for c in CELLS for _, low, high in by_cell[c]]
            widths = [high - low for c in CELLS for _, low, high in by_cell[c]]
            result[name]["coverage_of_80"] = round(float(np.mean(held)), 2)
            result[name]["median_width_cycles"] = round(float(np.median(widths)), 1)
    return result


SHAPES = {
    "even": lambda x: x,
    "square": lambda x: x**2,
    "power_0.6": lambda x: x**0.6,
    "knee": lambda x: np.where(x < 0.7, 0.5 * x, 0.35 + (x - 0.7) * (0.65 / 0.3)),
    "exponential": lambda x: np.expm1(2 * x) / np.expm1(2),
    "slower_then_faster": lambda x: 0.5 * x**0.5 + 0.5 * x**3,
}


def made_up(peers: int, noises: tuple[float, ...] = (0.0, 0.003, 0.012)) -> dict:
    """Cells from 2.0 to 1.4 in lives of their own, as of eight times from .45 to .95 of life: errors in shares of it."""
    random, result = np.random.default_rng(1), {}
    for shape, fade in SHAPES.items():
        errors, held = [], []
        for noise in noises:
            for _ in range(8):
                cells = []
                for _ in range(peers + 1):
                    life = 120 * np.exp(random.normal(0, 0.3))
                    cycles = np.arange(1.0, int(1.05 * life) + 2)
                    course = 2 - 0.6 * fade(cycles / life) + random.normal(0, noise, len(cycles))
                    cells.append((cycles, course, life))
                *others, (cycles, course, life) = cells
                for seen in np.linspace(0.45 * life, 0.95 * life, 8).astype(int):
                    told = time_to_limit(
                        cycles[:seen], course[:seen], LIMIT_AH, peers=[cell[:2] for cell in others]
                    )
                    errors.append(abs(min(told.at, seen + 5 * life) - life) / life)
                    held.append(told.low - 1e-6 <= life <= told.high + 1e-6)
        result[shape] = {
            "mae_share": round(float(np.mean(errors)), 3),
            "coverage_of_80": round(float(np.mean(held)), 2),
        }
    return result | {
        "all": {
            "mae_share": round(float(np.mean([one["mae_share"] for one in result.values()])), 3),
            "coverage_of_80": round(
                float(np.mean([one["coverage_of_80"] for one in result.values()])), 2
            ),
        }
    }


def main() -> None:
    courses = {cell: capacity(cell) for cell in CELLS}
    ends = {cell: end_of_life(course) for cell, course in courses.items()}
    for_good = {cell: end_for_good(course) for cell, course in courses.items()}
    report(
        "battery",
        {"ends": ends, "ends_for_good": for_good,
         "as_of_every_cycle_from_60": always(courses, ends, 60),
         "as_of_every_cycle_from_60_to_the_end_for_good": always(courses, for_good, 60),
         "as_of_one_cycle": {f"from_{start}": once(courses, ends, start) for start in FROM},
         "made_up_cells_alone": made_up(0), "made_up_cells_with_2_peers": made_up(2),
         "note": "three cells, alike and tested together: forecasts of one cell hang together"},
    )  # fmt: skip


if __name__ == "__main__":
    main()

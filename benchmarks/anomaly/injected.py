"""Faults put into healthy rooms: recall and delay per kind, seeded, in multiples of each series'
own spread on its healthy days. A fault counts as found when the alarm of the device goes up while it
lasts; what stood behind that is counted too.
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from telemetry import play_rows, report, rooms

from anomaly import Engine

START_DAY, SEED = 5.0, 11
UNITS = {"temperature": "Cel", "humidity": "%RH", "co2": "ppm", "light": "lux"}
METRICS = ("temperature", "humidity", "co2")
KINDS = ("drift", "bias", "noise", "stuck", "dropout", "spikes")
SIGMAS = (3.0, 6.0)


def inject(
    kind: str, times: np.ndarray, column: np.ndarray, sigmas: float, random: np.random.Generator
) -> np.ndarray:
    """The column with the fault from day 5 to its end."""
    changed = column.copy()
    ill = times >= times[0] + START_DAY * 86400
    spread = column[~ill].std()
    step = np.abs(np.diff(column[~ill])).mean()
    into = (times[ill] - times[ill][0]) / 86400
    if kind == "drift":
        changed[ill] += sigmas * spread * into / 2.0  # reaches `sigmas` after two days
    elif kind == "bias":
        changed[ill] += sigmas * spread
    elif kind == "noise":
        changed[ill] += random.normal(0, sigmas * step, ill.sum())
    elif kind == "stuck":
        changed[ill] = changed[ill][0]
    elif kind == "dropout":
        changed[ill] = np.nan
    else:
        places = np.flatnonzero(ill)[:: max(ill.sum() // 12, 1)]
        changed[places] += 10 * sigmas * spread
    return changed


def main() -> None:
    random = np.random.default_rng(SEED)
    found_by: dict[str, list[float]] = defaultdict(list)
    tried: dict[str, int] = defaultdict(int)
    named: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    already = 0
    for room, (metrics, times, values) in rooms():
        if times[-1] - times[0] < (START_DAY + 1.5) * 86400 or room == "419":
            continue  # too short, or the room with the faulty sensor
        onset = times[0] + START_DAY * 86400
        for metric in METRICS:
            at = metrics.index(metric)
            for kind in KINDS:
                for sigmas in SIGMAS if kind not in {"stuck", "dropout"} else (0.0,):
                    faulty = values.copy()
                    faulty[:, at] = inject(kind, times, values[:, at], sigmas, random)
                    found, alarms = play_rows(Engine(), room, metrics, times, faulty, UNITS)
                    already += bool((alarms < onset).any())
                    told = alarms[alarms >= onset]
                    after = [f for f in found if metric in f.metrics and f.detected_s >= onset]
                    label = f"{kind} {sigmas:g} sigma" if sigmas else kind
                    tried[label] += 1
                    if len(told):
                        found_by[label].append((float(told[0]) - onset) / 3600)
                        named[label][after[0].kind if after else "of another metric"] += 1
    table = {
        label: {
            "tried": tried[label],
            "recall": round(len(found_by[label]) / tried[label], 3),
            "median_delay_h": round(float(np.median(found_by[label])), 1)
            if found_by[label]
            else None,
            "kinds": dict(named[label]),
        }
        for label in tried
    }
    report(
        "injected",
        {"start_day": START_DAY, "false_before_onset": already, "by_fault": table,
         "beside": {"always_on": 1.0, "silent": 0.0, "random_at_the_budget": round(3 / 90, 3)}},
    )  # fmt: skip


if __name__ == "__main__":
    main()

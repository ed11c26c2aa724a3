"""Rooms left as they are: false alarm episodes per device-day. Impossible readings are no false
alarm (one of the rooms has a faulty sensor) and are listed apart.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
from telemetry import DATA, episodes, play_rows, read_rows, report, rooms

from anomaly import Engine, Finding

UNITS = {"temperature": "Cel", "humidity": "%RH", "co2": "ppm", "light": "lux"}
CLIMATE = ["temperature", "humidity", "light1", "light2"]


def four_sigma(times: np.ndarray, values: np.ndarray, sigmas: float) -> int:
    """The simple rule beside it: mean and spread of the first two days, any sample beyond."""
    first = times < times[0] + 2 * 86400
    alarms: list[float] = []
    for column in values.T:
        here = np.isfinite(column)
        mean, spread = column[first & here].mean(), column[first & here].std()
        alarms.extend(times[here & ~first & (np.abs(column - mean) > sigmas * spread)])
    return episodes(alarms)


def judge(found: list[Finding], alarms: np.ndarray) -> int:
    """Episodes in which the device is in alarm, for anything but an impossible reading."""
    impossible = [f.detected_s for f in found if f.kind == "out_of_range"]
    return episodes(t for t in alarms if t not in impossible)


def main() -> None:
    result = {}
    for name, units in (("keti_units_given", UNITS), ("keti_units_unknown", {})):
        total, days, rules, kinds, impossible = 0, 0.0, Counter(), Counter(), []
        for room, (metrics, times, values) in rooms():
            found, alarms = play_rows(Engine(), room, metrics, times, values, units)
            total, days = total + judge(found, alarms), days + (times[-1] - times[0]) / 86400
            kinds.update(f"{f.kind} {f.metrics[0]}" for f in found)
            impossible += [room for f in found if f.kind == "out_of_range"]
            for sigmas in (4, 6):
                rules[f"{sigmas}_sigma_rule"] += four_sigma(times, values, sigmas)
        result[name] = {
            "device_days": round(days, 1),
            "false_episodes": total,
            "per_device_day": round(total / days, 4),
            "kinds": dict(kinds),
            "rooms_with_impossible_readings": sorted(set(impossible)),
            "beside_per_device_day": {k: round(v / days, 3) for k, v in rules.items()}
            | {"always_on": 24.0, "silent": 0.0, "random_at_the_budget": round(1 / 90, 4)},
        }
    total, days = 0, 0.0
    for path in sorted((DATA / "room_climate").glob("*.csv.gz")):
        rows = read_rows(path, ",")
        for node in np.unique(rows[:, 3]):
            own = rows[rows[:, 3] == node]
            times = own[:, 1] / 1000
            found, alarms = play_rows(Engine(), f"node{node:.0f}", CLIMATE, times, own[:, 4:8])
            total, days = total + judge(found, alarms), days + (times[-1] - times[0]) / 86400
    result["room_climate"] = {
        "device_days": round(days, 2),
        "false_episodes": total,
        "per_device_day": round(total / days, 4),
    }
    report("healthy", result)


if __name__ == "__main__":
    main()

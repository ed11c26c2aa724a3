"""`forewarn score` from outside: a table written as CSV, scored, and the device's rows read back."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from telemetry import EPISODE_S
from vus import spans_of

from anomaly.finding import Finding
from anomaly.score import score_csv

START_S = 1_700_000_000.0


def score_table(
    values: np.ndarray, step_s: float, commission: int | None, budget: float | None = None,
    times: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray, list[Finding], np.ndarray]:  # fmt: skip
    """Device scores (n,), device alarms (n,), findings, times; `values` is (n, metrics)."""
    if times is None:
        times = START_S + step_s * np.arange(len(values))
    with tempfile.TemporaryDirectory() as home:
        path, out = Path(home) / "device.csv", Path(home) / "scores.csv"
        head = "time," + ",".join(f"m{i}" for i in range(values.shape[1]))
        np.savetxt(path, np.column_stack([times, values]), "%.10g", ",", header=head, comments="")
        report = score_csv([path], commission_rows=commission, false_alarms_per_day=budget, out=out)
        scores, alarms = np.zeros(len(values)), np.zeros(len(values), bool)
        at = 0
        with out.open() as stream:
            next(stream)
            for line in stream:
                _, _, metric, score, alarm = line.rsplit(",", 4)
                if not metric:
                    scores[at], alarms[at] = float(score), alarm[0] == "1"
                    at += 1
    if at != len(values):
        raise SystemExit(f"{at} rows scored of {len(values)}")
    return scores, alarms, report.findings, times


def episodes_of(alarms: np.ndarray, step_s: float) -> list[tuple[int, int]]:
    """First and last row of each episode: alarms within an hour of one another are one."""
    at = np.flatnonzero(alarms)
    if not len(at):
        return []
    cuts = np.flatnonzero(np.diff(at) * step_s > EPISODE_S)
    return list(zip(at[np.append(0, cuts + 1)], at[np.append(cuts, len(at) - 1)], strict=True))


def event_recall(alarms: np.ndarray, labels: np.ndarray, step_s: float) -> dict[str, float]:
    """Counts to be summed over devices: events and those hit, false episodes, days, normal rows."""
    events = spans_of(labels)
    false = 0
    for first, last in episodes_of(alarms, step_s):
        inside = np.flatnonzero(alarms[first : last + 1]) + first
        false += not labels[inside].any()
    return {
        "events": len(events),
        "found": sum(bool(alarms[a : b + 1].any()) for a, b in events),
        "false_episodes": false,
        "days": len(labels) * step_s / 86400,
        "normal_rows": int((~labels).sum()),
        "normal_rows_in_alarm": int((alarms & ~labels).sum()),
    }


def summed(rows: list[dict[str, float]]) -> dict[str, float]:
    """What several devices come to together."""
    total = {name: sum(row[name] for row in rows) for name in rows[0]}
    return {
        "events": total["events"],
        "event_recall": round(total["found"] / total["events"], 3),
        "false_episodes_per_device_day": round(total["false_episodes"] / total["days"], 3),
        "normal_time_in_alarm": round(total["normal_rows_in_alarm"] / total["normal_rows"], 4),
    }

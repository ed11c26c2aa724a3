"""Water testbed: anomaly-free day as history, then each valve run; findings near the changepoint."""

from __future__ import annotations

import numpy as np
from telemetry import DATA, play, read_wide, report

from anomaly import Engine

BEFORE_S, AFTER_S = 60.0, 300.0


def near(time_s: float, changepoint_s: float) -> bool:
    return -BEFORE_S <= time_s - changepoint_s <= AFTER_S


def chance_of_random(found: int, span_s: float) -> float:
    """Chance that as many findings at random times would have one in the window."""
    return 1 - (1 - min(1.0, (BEFORE_S + AFTER_S) / span_s)) ** found


def main() -> None:
    metrics, times, values = read_wide(DATA / "skab/anomaly-free/anomaly-free.csv.gz")
    engine = Engine()
    healthy = play(engine, "testbed", metrics, times, values)
    history = engine.to_bytes()
    table, random = [], []
    for number in range(16):
        names, run_times, run_values = read_wide(DATA / f"skab/valve1/{number}.csv.gz")
        labelled = run_times[run_values[:, names.index("anomaly")] > 0]
        start, end = float(labelled[0]), float(labelled[-1])
        columns = [names.index(metric) for metric in metrics]
        device = Engine.from_bytes(history)
        found = play(device, "testbed", metrics, run_times, run_values[:, columns])
        hits = [f for f in found if near(f.onset_s, start) and f.detected_s >= start]
        random.append(chance_of_random(1, run_times[-1] - run_times[0]))
        table.append(
            {
                "file": f"{number}.csv",
                "found": bool(hits),
                "early": sum(f.detected_s < start - BEFORE_S for f in found),
                "first_onset_s": round(hits[0].onset_s - start) if hits else None,
                "first_detected_s": round(hits[0].detected_s - start) if hits else None,
                "kind": hits[0].kind if hits else None,
                "metric": hits[0].metrics[0] if hits else None,
                "fault_lasts_s": round(end - start),
            }
        )
    half = (times[0] + times[-1]) / 2
    report(
        "skab",
        {
            "runs_found": sum(row["found"] for row in table),
            "runs": len(table),
            "runs_with_an_early_finding": sum(row["early"] > 0 for row in table),
            "findings_in_second_half_of_anomaly_free": sum(f.detected_s >= half for f in healthy),
            "always_on": {"runs_found": 16, "runs_with_an_early_finding": 16},
            "silent": {"runs_found": 0, "runs_with_an_early_finding": 0},
            "random_one_finding_a_run": {"runs_found": round(float(np.sum(random)), 1)},
            "table": table,
        },
    )


if __name__ == "__main__":
    main()

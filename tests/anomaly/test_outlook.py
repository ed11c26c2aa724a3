"""Where an open finding leads: told when a limit lies ahead, and silent otherwise."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anomaly import Finding
from anomaly.outlook import POINTS, Course, with_outlook
from anomaly.score import score_csv

DAY_S = 86_400.0
START_S = 1_750_000_000.0
FINDING = Finding(
    id="f", kind="drift", device="d", metrics=("rh",), onset_s=START_S, detected_s=START_S + DAY_S,
    ended_s=None, confidence=0.9, severity=0.5, evidence={"unit": "%RH"}, sentence="It drifts.",
)  # fmt: skip


def rising(per_day: float, days: float = 10.0) -> Course:
    times = START_S + np.arange(0, days * DAY_S, 600.0)
    course = Course()
    course.add(times, 50.0 + per_day * (times - START_S) / DAY_S)
    return course


def foreseen(course: Course, finding: Finding = FINDING, high: float = 100.0) -> Finding:
    return with_outlook(finding, course, (-math.inf, high), "%RH", dated=True)


def test_a_limit_ahead_is_told_with_its_time_and_interval() -> None:
    found = foreseen(rising(3.0))
    reached_s = float(found.evidence["limit_reached_s"])
    assert reached_s == pytest.approx(START_S + 50 / 3 * DAY_S, abs=DAY_S / 4)
    earliest, latest = (
        float(found.evidence[f"limit_reached_{end}_s"]) for end in ("earliest", "latest")
    )
    assert earliest <= reached_s <= latest
    assert found.forecast is not None
    assert "reaches 100 % humidity on 02 July 2025" in found.forecast


@pytest.mark.parametrize(
    ("finding", "per_day", "high"),
    [
        (FINDING, 0.5, 100.0),  # in 100 days, after ten of looking
        (FINDING, -3.0, 100.0),  # away from the only limit
        (FINDING, 3.0, math.inf),
        (replace(FINDING, ended_s=START_S + 2 * DAY_S), 3.0, 100.0),
        (replace(FINDING, kind="spike"), 3.0, 100.0),
        (replace(FINDING, onset_s=START_S + 9.9 * DAY_S), 3.0, 100.0),  # too young to say
    ],
)
def test_nothing_is_said_where_nothing_can_be(
    finding: Finding, per_day: float, high: float
) -> None:
    assert foreseen(rising(per_day), finding, high) == finding


@given(
    st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(-1e3, 1e3)), min_size=1, max_size=60),
    st.integers(1, 5),
)
def test_a_course_stays_short_and_its_means_within_what_was_read(
    samples: list[tuple[float, float]], pieces: int
) -> None:
    course = Course()
    for part in np.array_split(np.array(samples), pieces):
        course.add(part[:, 0], part[:, 1])
    times, means = course.since(-math.inf)
    values = [value for _, value in samples]
    assert 1 <= len(times) <= 2 * POINTS + 1
    assert (np.diff(times) > 0).all()
    assert min(values) - 1e-6 <= means.min()
    assert means.max() <= max(values) + 1e-6


@pytest.mark.parametrize("scale", [5e-324, 1e-300, 1e300])
def test_times_and_values_of_any_size_are_answered(scale: float) -> None:
    course = Course()
    course.add(np.arange(40.0) * scale, np.arange(40.0) * scale)
    course.add(np.array([1e9]), np.array([1e308]))
    found = replace(FINDING, onset_s=-math.inf)
    assert foreseen(course, found) == found


def test_score_tells_and_draws_it(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    days = np.arange(0, 25, 1 / 48)
    level = 45 + random.normal(0, 0.4, len(days)) + np.maximum(days - 12, 0) * 2.5
    rows = [f"{START_S + day * DAY_S:.0f},{v:.2f}" for day, v in zip(days, level, strict=True)]
    file = tmp_path / "cellar.csv"
    file.write_text("\n".join(["time,humidity [%RH]", *rows]) + "\n")
    findings, plot = tmp_path / "findings.json", tmp_path / "cellar.svg"
    score_csv([file], findings=findings, plot=plot)
    told = [record for record in json.loads(findings.read_text()) if record["forecast"]]
    assert told
    reached_s = float(told[-1]["evidence"]["limit_reached_s"])
    assert reached_s == pytest.approx(START_S + (12 + 58 / 2.5) * DAY_S, abs=2 * DAY_S)
    assert 'id="outlook"' in plot.read_text()

"""Whether a metric still follows its course over day and week."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anomaly.day_runs import Run, runs
from anomaly.finding import Finding
from anomaly.hours import DAY_HOURS, HOUR_S, Hours
from anomaly.rhythm import out_of_rhythm

Floats = npt.NDArray[np.float64]
MONDAY = 19_674
"""A day since 1970 that was one."""


def room(days: int, *, weekends: bool = False, seed: int = 3) -> Floats:
    """Warm by day and cool by night; at weekends, if asked, cool all day."""
    random, hours = np.random.default_rng(seed), np.arange(days * DAY_HOURS)
    warm = np.maximum(np.sin((hours % DAY_HOURS - 6) * 2 * np.pi / DAY_HOURS), 0.0)
    if weekends:
        warm = np.where(hours // DAY_HOURS % 7 >= 5, 0.0, warm)
    return np.asarray(19.0 + 4.0 * warm + random.normal(0, 0.3, len(hours)))


def judged(values: Floats, unit: str = "Cel") -> list[Finding]:
    hours = Hours(("air",), MONDAY * DAY_HOURS, values[:, None])
    return out_of_rhythm("d", hours, {"air": unit})


def day_of(time_s: float) -> float:
    return time_s / (DAY_HOURS * HOUR_S) - MONDAY


@pytest.mark.parametrize("weekends", [False, True])
def test_who_keeps_the_rhythm_is_left_alone(weekends: bool) -> None:
    assert judged(room(90, weekends=weekends)) == []


def test_a_rhythm_that_is_lost() -> None:
    values = room(40)
    values[30 * DAY_HOURS :] = 20.0 + np.random.default_rng(1).normal(0, 0.3, 10 * DAY_HOURS)
    (found,) = judged(values)
    assert (found.kind, found.metrics, found.ended_s) == ("rhythm", ("air",), None)
    assert (day_of(found.onset_s), day_of(found.detected_s)) == (30, 33)
    assert float(found.evidence["swing_now"]) < 0.5 * float(found.evidence["swing_usual"])
    assert "it moves by" in found.sentence


def test_a_rhythm_at_other_times_that_comes_back() -> None:
    values = room(50)
    values[30 * DAY_HOURS : 36 * DAY_HOURS] = np.roll(values, 8)[30 * DAY_HOURS : 36 * DAY_HOURS]
    (found,) = judged(values)
    assert found.ended_s is not None
    assert day_of(found.ended_s) == 36
    assert "other times" in found.sentence


def test_a_week_that_has_no_weekend_any_more() -> None:
    values = room(56, weekends=True)
    values[35 * DAY_HOURS :] = room(21, seed=5)
    (found,) = judged(values)
    # Two days a week tell: the first weekend and the next Saturday are three.
    assert (day_of(found.onset_s), day_of(found.detected_s)) == (40, 48)
    assert found.evidence["on_days"] == "Saturday, Sunday"
    assert "its usual rhythm on Saturdays and Sundays since" in found.sentence
    assert "usually there by" in found.sentence


def test_one_weekend_of_work_is_none() -> None:
    values = room(56, weekends=True)
    weekend = slice(40 * DAY_HOURS, 42 * DAY_HOURS)
    values[weekend] = room(42, seed=5)[weekend]
    assert judged(values) == []


def test_a_weekend_that_moved_is_one_finding_and_a_lost_rhythm_another() -> None:
    values = room(56, weekends=True)
    rest = values[(33 * DAY_HOURS) : (35 * DAY_HOURS)].copy()  # a weekend
    for week in range(35, 56, 7):
        values[week * DAY_HOURS : (week + 7) * DAY_HOURS] = room(7, seed=week)
        values[(week + 1) * DAY_HOURS : (week + 3) * DAY_HOURS] = rest
    (found,) = judged(values)
    assert found.evidence["on_days"] == "Saturday, Sunday"
    values[35 * DAY_HOURS :] = np.roll(room(21, seed=5), 8)
    (found,) = judged(values)
    assert "on_days" not in found.evidence


def test_levels_use_and_noise_have_no_rhythm_to_lose() -> None:
    values = room(40)
    values[30 * DAY_HOURS :] += 15.0
    assert judged(values) == []
    flat = np.random.default_rng(1).normal(0, 1, 40 * DAY_HOURS)
    assert judged(flat) == []
    lost = room(40)
    lost[30 * DAY_HOURS :] = 20.0
    assert judged(lost, "B/s") == []


def test_gaps_are_normal() -> None:
    values = room(40)
    values[np.random.default_rng(2).random(len(values)) < 0.05] = np.nan
    values[5 * DAY_HOURS : 7 * DAY_HOURS] = np.nan
    assert judged(values) == []
    assert judged(np.full(40 * DAY_HOURS, np.nan)) == []


@given(
    st.integers(0, 40),
    st.integers(-90, 90),
    st.sampled_from([0.0, 0.3, 1.0]),
    st.integers(0, 2**32 - 1),
)
def test_any_numbers_are_answered(days: int, power: int, lost: float, seed: int) -> None:
    random = np.random.default_rng(seed)
    values = random.normal(0, 1, days * DAY_HOURS) * 10.0**power
    values[random.random(len(values)) < lost] = np.nan
    for found in judged(values):
        assert 0.0 <= found.severity <= 1.0


def test_runs() -> None:
    off, no = 1.5, float("nan")
    assert runs(np.array([0, off, off, no, off, 0.0])) == [Run(1, 4, 5)]
    assert runs(np.array([off, off, -off, off, off])) == []
    assert runs(np.array([0, 3.0, off])) == [Run(1, 1, None)]
    assert runs(np.array([0, 3.0, off]), at_once=np.inf) == []
    assert runs(np.array([3.0, -3.0, 0.0])) == [Run(0, 0, 1), Run(1, 1, 2)]

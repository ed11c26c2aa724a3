"""A metric that is out of step with the others of its device, by hourly means."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anomaly.finding import Finding
from anomaly.hours import DAY_HOURS, HOUR_S, Hours
from anomaly.relations import out_of_step

Floats = npt.NDArray[np.float64]
METRICS = ("current", "temperature", "vibration", "lamp")
UNITS = {"current": "A", "temperature": "Cel"}
FIRST_DAY = 19_675


def machine(days: int, seed: int = 7) -> Floats:
    """Three metrics that follow one load, and a lamp that follows nothing, hour by hour."""
    random, hours = np.random.default_rng(seed), days * DAY_HOURS
    load = (
        0.5 + 0.3 * np.sin(np.arange(hours) * 2 * np.pi / DAY_HOURS) + random.normal(0, 0.1, hours)
    )
    return np.column_stack(
        [
            2.0 + 6.0 * load + random.normal(0, 0.1, hours),
            4.0 + 3.0 * load + random.normal(0, 0.1, hours),
            0.1 + 0.4 * load + random.normal(0, 0.01, hours),
            random.normal(0, 1, hours),
        ]
    )


def judged(table: Floats) -> list[Finding]:
    hours = Hours(METRICS, FIRST_DAY * DAY_HOURS, table)
    return out_of_step("d", hours, UNITS)


def day_of(time_s: float) -> float:
    return time_s / (DAY_HOURS * HOUR_S) - FIRST_DAY


def test_the_one_that_is_wrong_is_named_with_what_the_others_suggest() -> None:
    table = machine(35)
    table[25 * DAY_HOURS :, 1] += 1.2
    (found,) = judged(table)
    assert (found.kind, found.metrics[0], found.ended_s) == ("relation", "temperature", None)
    assert set(found.metrics) <= {"temperature", "current", "vibration"}
    assert (day_of(found.onset_s), day_of(found.detected_s)) == (25, 26)
    now, suggested = (float(found.evidence[name]) for name in ("now", "suggested_by_others"))
    assert now - suggested == pytest.approx(1.2, abs=0.3)
    assert "out of step with" in found.sentence
    assert "°C" in found.sentence


def test_a_healthy_machine_and_one_that_works_harder_are_in_step() -> None:
    assert judged(machine(60)) == []
    harder = machine(35)
    harder[25 * DAY_HOURS :, :3] += np.array([6.0, 3.0, 0.4]) * 0.4
    assert judged(harder) == []


def test_what_comes_back_ends() -> None:
    table = machine(40)
    table[20 * DAY_HOURS : 24 * DAY_HOURS, 2] *= 1.6
    (found,) = judged(table)
    assert found.metrics[0] == "vibration"
    assert found.ended_s is not None
    assert day_of(found.ended_s) == 24


def test_a_slow_change_needs_three_days_in_a_row() -> None:
    table = machine(60)
    table[30 * DAY_HOURS :, 0] += np.linspace(0.0, 2.0, 30 * DAY_HOURS)
    (found,) = judged(table)
    assert found.metrics[0] == "current"
    assert 32 < day_of(found.detected_s) < 50


def test_gaps_and_one_metric_alone_say_nothing() -> None:
    table = machine(35)
    table[25 * DAY_HOURS :, 1] += 1.2
    table[10 * DAY_HOURS : 12 * DAY_HOURS] = np.nan
    table[np.random.default_rng(1).random(table.shape) < 0.02] = np.nan
    assert judged(table)[0].metrics[0] == "temperature"
    assert judged(np.full((30 * DAY_HOURS, 4), np.nan)) == []
    alone = Hours(("current",), 0, machine(35)[:, :1])
    assert out_of_step("d", alone, {}) == []
    assert out_of_step("d", Hours.of(METRICS, {}), {}) == []


def test_less_than_two_weeks_are_not_judged() -> None:
    table = machine(14)
    table[10 * DAY_HOURS :, 1] += 3.0
    assert judged(table) == []


def test_hours_begin_at_midnight() -> None:
    hours = Hours.of(("a", "b"), {30: np.array([1.0, 2.0]), 49: np.array([3.0, np.nan])})
    assert (hours.first, hours.table.shape) == (24, (48, 2))
    assert hours.table[6, 1] == 2.0
    assert np.isnan(hours.table).sum() == 2 * 48 - 3


@given(st.data())
def test_any_numbers_are_answered(data: st.DataObject) -> None:
    days, metrics = data.draw(st.integers(0, 40)), data.draw(st.integers(1, 4))
    seed = data.draw(st.integers(0, 2**32 - 1))
    scale = 10.0 ** data.draw(st.integers(-90, 90))
    random = np.random.default_rng(seed)
    table = random.normal(0, 1, (days * DAY_HOURS, metrics)) * scale
    table[:, 0] = data.draw(st.sampled_from([0.0, scale])) if metrics > 1 else table[:, 0]
    table[random.random(table.shape) < data.draw(st.sampled_from([0.0, 0.3, 1.0]))] = np.nan
    hours = Hours(METRICS[:metrics], 0, table)
    for found in out_of_step("d", hours, {}):
        assert 0.0 <= found.confidence <= 1.0
        assert np.isfinite(float(found.evidence["times_usual_error"]))

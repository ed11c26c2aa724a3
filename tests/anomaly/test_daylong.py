"""What only whole days show, and spikes apart from what stays."""

from __future__ import annotations

import numpy as np
import pytest

from anomaly import Engine, Finding

DAY_S, T0, MINUTE_S = 86400.0, 1.7e9, 60.0
DAYS = 9


def busy_room(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Five minutes apart: quiet by night, by day as high as people make it."""
    random = np.random.default_rng(seed)
    times = T0 + 5 * MINUTE_S * np.arange(DAYS * 288)
    day = (times % DAY_S > 8 * 3600) & (times % DAY_S < 18 * 3600)
    people = np.repeat(random.gamma(2.0, 150.0, DAYS * 24), 12)
    noise = random.normal(0, 1, len(times)) * np.where(day, 40.0, 4.0)
    return times, 420 + day * people + noise


def told(times: np.ndarray, values: np.ndarray) -> list[Finding]:
    engine = Engine()
    index = np.full(len(times), engine.series("room", "co2"), np.int32)
    return engine.update(index, times, values, times[-1])


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_nights_show_a_drift_that_the_days_hide(seed: int) -> None:
    times, values = busy_room(seed)
    assert told(times, values) == []
    ill = np.clip(times - T0 - 5 * DAY_S, 0, None) / DAY_S
    (finding,) = told(times, values + 60.0 * ill)  # a tenth of what people make, every day
    assert finding.kind == "drift"
    assert 5 * DAY_S < finding.onset_s - T0 < 6.5 * DAY_S
    assert "lowest of each day" in str(finding.evidence["compared_to"])
    assert "rising" in finding.sentence


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_calm_hours_show_noise_that_the_busy_hours_hide(seed: int) -> None:
    times, values = busy_room(seed)
    noise = np.random.default_rng(seed).normal(0, 20, len(times)) * (times > T0 + 6 * DAY_S)
    (finding,) = told(times, values + noise)
    assert finding.kind == "variance"
    assert finding.detected_s - T0 < 7.5 * DAY_S


def test_a_day_of_noise_ends_with_it() -> None:
    times, values = busy_room(4)
    noisy = (times > T0 + 6 * DAY_S) & (times < T0 + 7.5 * DAY_S)
    noise = np.random.default_rng(4).normal(0, 20, len(times)) * noisy
    opened, ended = told(times, values + noise)
    assert opened.kind == ended.kind == "variance"
    assert ended.ended_s is not None
    assert 7.5 * DAY_S < ended.ended_s - T0 < 8.5 * DAY_S


def test_days_with_holes_say_nothing() -> None:
    times, values = busy_room(5)
    awake = times % DAY_S > 9 * 3600  # never heard by night
    ill = np.clip(times - T0 - 5 * DAY_S, 0, None) / DAY_S
    found = told(times[awake], (values + 60.0 * ill)[awake])
    assert not [f for f in found if "of each day" in str(f.evidence["compared_to"])]


def wandering() -> tuple[np.ndarray, np.ndarray]:
    """A minute apart: goes on and on, so that its level is never trusted."""
    times = T0 + MINUTE_S * np.arange(5 * 1440)
    noise = np.random.default_rng(6).normal(0, 0.3, len(times))
    return times, 20 + (times - T0) / DAY_S * 2 + noise


def test_spikes_are_told_on_a_series_whose_level_is_never_trusted() -> None:
    times, values = wandering()
    values[[5000, 5400, 5900]] += 200.0
    kinds = [(f.kind, f.detected_s) for f in told(times, values) if f.ended_s is None]
    assert kinds == [("spike", times[5901])]


def test_what_stays_for_minutes_is_no_spike() -> None:
    times, values = wandering()
    for start in (5000, 5400, 5900, 6300):
        values[start : start + 12] += 200.0
    assert [f for f in told(times, values) if f.kind == "spike"] == []


@pytest.mark.parametrize("shape", ["white", "heavy", "counts", "work_week"])
def test_single_metrics_keep_the_default_budget_for_a_quarter(shape: str) -> None:
    """Six healthy devices for 45 days each: three false findings are what the budget allows."""
    random, found = np.random.default_rng(8), 0
    times = T0 + 15 * MINUTE_S * np.arange(45 * 96)
    day = np.sin(2 * np.pi * times / DAY_S)
    for _ in range(6):
        values = random.normal(0, 1, len(times))
        if shape == "heavy":
            values = random.standard_t(2, len(times))
        elif shape == "counts":
            values = random.poisson(np.exp(1 + day)).astype(float)
        elif shape == "work_week":
            values = 0.5 * values + 4.0 * ((times // DAY_S % 7 < 5) & (day > 0.2))
        found += len(told(times, values))
    assert found <= 3


@pytest.mark.parametrize("seed", range(8))
def test_few_samples_an_hour_are_less_sure_of_the_calm(seed: int) -> None:
    random = np.random.default_rng(seed)
    times = 1.7e9 + np.arange(60 * 48) * 1800.0
    assert [f for f in told(times, random.normal(20, 1, len(times))) if f.kind == "variance"] == []


def test_ten_minutes_are_no_spike_however_few_samples_they_are() -> None:
    times, values = wandering()
    times, values = times[::5], values[::5]
    lamp, spiky = values.copy(), values.copy()
    for place in (1180, 1200, 1220, 1240):
        lamp[place : place + 2] += 1e3
        spiky[place] += 1e3
    assert [f for f in told(times, lamp) if f.kind == "spike"] == []
    assert [f.kind for f in told(times, spiky) if f.kind == "spike"] == ["spike"]

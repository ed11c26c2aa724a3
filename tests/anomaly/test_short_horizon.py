"""Surprise of a sample, commotion of a device, and the budget that its alarm keeps."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anomaly import Engine, EngineSettings
from anomaly import state as col
from anomaly.budget import learn_block, limit_of
from anomaly.params import params_of

HOUR_S, DAY_S, T0 = 3600.0, 86400.0, 1.7e9


def scores_of(values: np.ndarray, step_s: float = 300.0) -> np.ndarray:
    engine = Engine()
    index = np.full(len(values), engine.series("d", "m"), np.int32)
    times = T0 + step_s * np.arange(len(values))
    return engine.update_scored(index, times, values, times[-1])[1]


def device(values: np.ndarray, budget: float, step_s: float = 300.0) -> np.ndarray:
    """Alarm of the device as a whole, row by row."""
    engine = Engine(EngineSettings(false_alarms_per_device_day=budget))
    rows, metrics = values.shape
    series = np.array([engine.series("d", f"m{i}") for i in range(metrics)], np.int32)
    times = np.repeat(T0 + step_s * np.arange(rows), metrics)
    _, _, (_, alarms) = engine.update_rows(np.tile(series, rows), times, values.ravel(), 0.0)
    return alarms[metrics - 1 :: metrics] > 0


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.floats(1e-6, 1e6), st.floats(-1e6, 1e6))
def test_score_knows_no_units(seed: int, factor: float, offset: float) -> None:
    values = np.random.default_rng(seed).normal(0, 1, 600).round(3)
    values[500] = 9.0
    offset *= factor
    np.testing.assert_allclose(scores_of(values), scores_of(values * factor + offset), atol=2e-3)


def test_a_record_surprises_once() -> None:
    values = np.random.default_rng(1).normal(0, 1, 2000)
    values[1500:1520] = 12.0
    scores = scores_of(values)
    assert scores[1500] > 0.9
    assert scores[1501:1520].max() < 0.5
    assert np.sort(scores[200:1500])[-5] < 0.95


def test_first_move_of_a_constant_series_surprises() -> None:
    values = np.full(500, 7.0)
    values[400] = 7.001
    scores = scores_of(values)
    assert scores[399] == 0.0
    assert scores[400] > 0.9


def test_many_metrics_moving_at_once_raise_the_device() -> None:
    values = np.random.default_rng(2).normal(0, 1, (30 * 288, 8))
    values[9000 - 1500 : 9000 - 1494] += 8.0
    alarms = device(values, 0.25)
    assert alarms[7500:7506].any()


def test_one_metric_that_leaps_is_less_than_a_few_that_move() -> None:
    quiet = np.random.default_rng(2).normal(0, 1, (3000, 8))
    alone, together = quiet.copy(), quiet.copy()
    alone[2500, 0] += 400.0
    together[2500:2503, :4] += 6.0
    scores = [device_scores(values)[2500:2506].max() for values in (quiet, alone, together)]
    assert scores[0] < scores[1] < scores[2]


def device_scores(values: np.ndarray) -> np.ndarray:
    engine = Engine()
    rows, metrics = values.shape
    series = np.array([engine.series("d", f"m{i}") for i in range(metrics)], np.int32)
    times = np.repeat(T0 + 300.0 * np.arange(rows), metrics)
    found = engine.update_rows(np.tile(series, rows), times, values.ravel(), 0.0)
    return found[2][0][metrics - 1 :: metrics]


def limit(largest_of_hours: list[float], budget: float = 0.25) -> float:
    device_row = col.new_device_row()
    device_row[col.D_NEWS] = 0.1
    for largest in largest_of_hours:
        learn_block(device_row, largest)
    return limit_of(device_row, params_of(EngineSettings(false_alarms_per_device_day=budget)))


def test_bad_hours_learned_from_do_not_set_the_limit_alone() -> None:
    assert 1.0 < limit([1.0] * 600 + [24.0] * 200) < 0.85 * 24.0
    assert limit([1.0] * 800) > 1.0
    assert limit([1.0] * 20) == np.inf


def test_what_changed_within_a_gap_is_no_commotion() -> None:
    values = np.random.default_rng(8).normal(0, 1, (4000, 8))
    values[3000:] += 5.0
    engine = Engine(EngineSettings(false_alarms_per_device_day=0.5))
    series = np.array([engine.series("d", f"m{i}") for i in range(8)], np.int32)

    def feed(rows: slice, later_s: float) -> np.ndarray:
        part = values[rows]
        times = np.repeat(T0 + later_s + 300.0 * np.arange(rows.start, rows.stop), 8)
        found = engine.update_rows(np.tile(series, len(part)), times, part.ravel(), 0.0)
        return found[2][0][7::8]

    before = feed(slice(0, 3000), 0.0)
    state = engine.to_bytes()
    at_once = feed(slice(3000, 3003), 0.0)
    engine = Engine.from_bytes(state, engine.settings)
    after_a_day = feed(slice(3000, 3003), DAY_S)
    assert at_once.max() > before[500:].max()
    assert after_a_day.max() < before[500:].max()


@pytest.mark.parametrize("kind", ["normal", "heavy", "bursts"])
@pytest.mark.parametrize("budget", [0.1, 0.5])
def test_budget_holds_on_stationary_series(kind: str, budget: float) -> None:
    """Whatever the distribution: within a factor of 2.5, over 15 devices of 40 days."""
    random = np.random.default_rng(3)
    days, devices, rows = 40, 15, 40 * 96
    told = 0
    for _ in range(devices):
        values = random.normal(0, 1, (rows, 4))
        if kind == "heavy":
            values = random.standard_t(2, (rows, 4))
        elif kind == "bursts":
            values *= 1 + 8 * (random.random((rows, 1)) < 0.01)
        alarms = device(values, budget, 900.0)
        told += int((np.diff(alarms.astype(int), prepend=0) == 1).sum())
    expected = budget * days * devices
    assert told <= 2.5 * expected


def test_nothing_is_said_while_the_history_cannot_promise_the_budget() -> None:
    values = np.random.default_rng(4).normal(0, 1, (5 * 288, 4))
    values[1200:1206] += 50
    assert not device(values, 0.01).any()


def test_a_short_healthy_run_vouches_for_the_run_after_it() -> None:
    random = np.random.default_rng(5)
    values = random.normal(20, 0.5, (900, 6))
    values[600:750, :2] += 4.0
    engine = Engine()
    series = np.array([engine.series("d", f"m{i}") for i in range(6)], np.int32)

    def feed(part: np.ndarray, first: int) -> np.ndarray:
        times = np.repeat(T0 + first + np.arange(len(part)), 6)
        return engine.update_rows(np.tile(series, len(part)), times, part.ravel(), 0.0)[2][1][5::6]

    engine.hold("d")
    feed(values[:400], 0)
    engine.release("d")
    alarms = np.concatenate([np.zeros(400), feed(values[400:], 400)]) > 0
    assert not alarms[:600].any()
    assert alarms[620:750].all()
    assert not alarms[780:].any()
    assert engine.vouched_until_s("d") == pytest.approx(T0 + 399 + 4 * 399)


def test_state_has_no_room_to_spare() -> None:
    assert 8 * col.WIDTH <= 2000
    assert 8 * col.D_WIDTH <= 700


def smooth_series(days: float = 4.0) -> tuple[np.ndarray, np.ndarray]:
    """Times a minute apart and a quantity that wanders by the day in small steps."""
    times = T0 + 60.0 * np.arange(int(days * 1440))
    noise = np.random.default_rng(6).normal(0, 0.02, len(times))
    return times, 20 + 3 * np.sin(2 * np.pi * times / DAY_S) + noise


def kinds_of(times: np.ndarray, values: np.ndarray) -> list[tuple[str, float]]:
    engine = Engine()
    index = np.full(len(times), engine.series("d", "m"), np.int32)
    return [(f.kind, f.detected_s) for f in engine.update(index, times, values, times[-1])]


def test_a_jump_of_a_smooth_series_is_told_within_the_hour_and_ends_when_it_goes_back() -> None:
    times, values = smooth_series()
    values[4400:4700] += 0.9
    (told, ended) = kinds_of(times, values)
    assert told == ("level_shift", pytest.approx(times[4400] + HOUR_S, abs=120))
    assert ended[0] == "level_shift"


def test_a_jump_taken_back_and_steps_of_a_rough_series_are_not_told() -> None:
    times, values = smooth_series()
    values[4400:4420] += 0.9
    assert kinds_of(times, values) == []
    rough = np.where(np.random.default_rng(7).random(len(times)) < 0.1, 80.0, 0.0)
    rough[4400:4600] = 300.0
    assert [kind for kind, at in kinds_of(times, rough) if at <= times[4470]] == []

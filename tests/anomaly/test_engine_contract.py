"""What holds for any samples: deterministic, independent of batches, continued from bytes."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anomaly import Engine, EngineSettings, Finding, SamplesError

QUICK = EngineSettings(settle_samples=16, commission_samples=60, commission_span_s=60.0)
METRICS = (("a", "temperature", "Cel"), ("a", "load", "/"), ("b", "pressure", "Pa"))

Batch = tuple[np.ndarray, np.ndarray, np.ndarray]


def batch(seed: int, count: int = 1500) -> Batch:
    """Samples of three series, mixed, some late, with faults, gaps, NaN and repeated values."""
    random = np.random.default_rng(seed)
    series = random.integers(0, 3, count).astype(np.int32)
    times = 1.7e9 + np.cumsum(random.exponential(2.0, count)) + random.normal(0, 1.5, count)
    times[count // 3 :] += random.choice([0.0, 900.0, 2e5])
    values = random.normal(20, 1, count).round(random.integers(0, 4))
    values[2 * count // 3 :] += random.choice([0.0, 5.0, -8.0, 400.0])
    values[random.integers(0, count, 5)] = np.nan
    return series, times, values


def fresh() -> Engine:
    engine = Engine(QUICK)
    for device, metric, unit in METRICS:
        engine.series(device, metric, unit)
    return engine


def in_parts(engine: Engine, data: Batch, cuts: list[int]) -> list[Finding]:
    found = []
    edges = [0, *sorted(cuts), len(data[0])]
    for start, end in pairwise(edges):
        found += engine.update(*(part[start:end] for part in data), 1.8e9)
    return found


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), cuts=st.lists(st.integers(0, 1500), max_size=6))
def test_result_does_not_depend_on_batches(seed: int, cuts: list[int]) -> None:
    data = batch(seed)
    whole, parts = fresh(), fresh()
    assert in_parts(whole, data, []) == in_parts(parts, data, cuts)
    assert whole.to_bytes() == parts.to_bytes()


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), cut=st.integers(0, 1500))
def test_continues_from_bytes_as_if_nothing_had_happened(seed: int, cut: int) -> None:
    data = batch(seed)
    straight = fresh()
    expected = in_parts(straight, data, [cut])
    first = fresh()
    found = first.update(*(part[:cut] for part in data), 1.8e9)
    second = Engine.from_bytes(first.to_bytes(), QUICK)
    found += second.update(*(part[cut:] for part in data), 1.8e9)
    assert found == expected
    assert second.to_bytes() == straight.to_bytes()
    assert second.open_findings() == straight.open_findings()


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 2),
            st.floats(allow_nan=True, allow_infinity=True),
            st.floats(allow_nan=True, allow_infinity=True),
        ),
        max_size=60,
    )
)
def test_any_numbers_are_survived(samples: list[tuple[int, float, float]]) -> None:
    engine = fresh()
    columns = list(zip(*samples, strict=True)) or [(), (), ()]
    series, times, values = (
        np.array(column, dtype)
        for column, dtype in zip(columns, (np.int32, np.float64, np.float64), strict=True)
    )
    copies = times.copy(), values.copy()
    found, scores, alarms = engine.update_scored(series, times, values, 1.8e9)
    np.testing.assert_array_equal(times, copies[0])
    np.testing.assert_array_equal(values, copies[1])
    assert np.isfinite(scores).all()
    assert ((scores >= 0) & (scores <= 1)).all()
    assert set(alarms.tolist()) <= {0, 1}
    assert all(0 <= f.severity <= 1 and 0 <= f.confidence <= 1 for f in found)
    assert 0 <= engine.health("a") <= 1


def test_late_samples_change_nothing() -> None:
    series, times, values = np.zeros(500, np.int32), np.arange(500.0), np.ones(500)
    engine = fresh()
    engine.update(series, times, values, 500.0)
    before = engine.to_bytes()
    assert engine.update(series[:50], times[100:150], values[:50] + 900, 500.0) == []
    assert engine.to_bytes() == before


def test_same_series_is_looked_up() -> None:
    engine = Engine()
    first = engine.series("a", "x", "V")
    assert engine.series("b", "x", "V") != first
    assert engine.series("a", "x") == first


@pytest.mark.parametrize(
    ("series", "times", "values"),
    [
        ([0], [1.0, 2.0], [1.0]),
        ([9], [1.0], [1.0]),
        ([-1], [1.0], [1.0]),
        ([[0]], [[1.0]], [[1.0]]),
    ],
)
def test_samples_that_do_not_fit_are_refused(series: list, times: list, values: list) -> None:
    with pytest.raises(SamplesError):
        fresh().update(np.array(series, np.int32), np.array(times), np.array(values), 1.0)


def test_state_is_small() -> None:
    engine = Engine()
    for index in range(1000):
        engine.series(f"device-{index % 50}", f"metric-{index}", "A")
    assert len(engine.to_bytes()) / 1000 <= 2048

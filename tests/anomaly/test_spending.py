"""What a device's findings cost it: it may not cry on for what only wanders, and a repair clears its name."""

from __future__ import annotations

import numpy as np
import pytest

from anomaly import Engine, EngineSettings, Finding

DAY_S, T0, STEP_S = 86400.0, 1.7e9, 900.0


def wander(random: np.random.Generator, days: int, memory_s: float) -> np.ndarray:
    """Readings that forget within `memory_s`; a random walk where that is infinite. Shape (n,)."""
    steps = random.normal(0, 1, round(days * DAY_S / STEP_S))
    if np.isinf(memory_s):
        return 0.05 * np.cumsum(steps)
    keep = np.exp(-STEP_S / memory_s)
    for k in range(1, len(steps)):
        steps[k] = keep * steps[k - 1] + np.sqrt(1 - keep * keep) * steps[k]
    return steps


def opened(engine: Engine, from_s: float = T0, **metrics: np.ndarray) -> list[Finding]:
    """What is told of a device's metrics from `from_s` on, each finding once, as it opened."""
    series = np.array([engine.series("pump", name) for name in metrics], np.int32)
    values = np.stack(list(metrics.values()), axis=1)
    times = np.repeat(from_s + STEP_S * np.arange(len(values)), len(series))
    index = np.tile(series, len(values))
    found = engine.update(index, times, values.ravel(), times[-1])
    return list({finding.id: finding for finding in reversed(found)}.values())


@pytest.mark.parametrize(("memory_s", "most"), [(6 * 3600.0, 1.0), (DAY_S, 1.0), (np.inf, 2.0)])
def test_what_wanders_keeps_the_budget_over_half_a_year(memory_s: float, most: float) -> None:
    """Eight devices for 180 days with a budget of one in a quarter: `most` times what that allows."""
    random, found = np.random.default_rng(3), 0
    for _ in range(8):
        found += len(opened(Engine(), level=wander(random, 180, memory_s)))
    assert 0 < found <= most * 8 * 180 / 90


def told_of_second(engine: Engine, shift: float, *, first_is_ill: bool = True) -> list[Finding]:
    """A metric moves by `shift` noises three weeks in; another one was elsewhere in the second week."""
    random = np.random.default_rng(5)
    first, second = random.normal(0, 1, 30 * 96), random.normal(0, 1, 30 * 96)
    first[10 * 96 : 13 * 96] += 6.0 * first_is_ill
    second[21 * 96 :] += shift
    found = opened(engine, first=first, second=second)
    assert first_is_ill == ("first" in {metric for finding in found for metric in finding.metrics})
    return [finding for finding in found if "second" in finding.metrics]


def test_the_next_finding_needs_more() -> None:
    assert told_of_second(Engine(), 2.0, first_is_ill=False)
    assert told_of_second(Engine(), 2.0) == []
    assert told_of_second(Engine(), 3.0)


def test_of_a_metric_that_has_told_before_most() -> None:
    random = np.random.default_rng(5)
    values = random.normal(0, 1, 30 * 96)
    values[10 * 96 : 13 * 96] += 6.0
    before = {finding.id for finding in opened(Engine(), level=values)}
    assert before
    for shift, is_told in ((3.0, False), (20.0, True)):
        later = values + shift * (np.arange(len(values)) >= 21 * 96)
        told = {finding.id for finding in opened(Engine(), level=later)}
        assert bool(told - before) == is_told


def test_a_larger_budget_pays_sooner() -> None:
    assert told_of_second(Engine(EngineSettings(false_alarms_per_device_day=0.5)), 2.0)


def test_a_repair_clears_the_debt() -> None:
    random, repaired_s = np.random.default_rng(7), T0 + 30 * DAY_S
    ill, again = random.normal(0, 1, 30 * 96), random.normal(0, 1, 30 * 96)
    ill[10 * 96 :] += 6.0
    again[21 * 96 :] += 2.0
    engine = Engine()
    assert opened(engine, level=ill)
    engine.rebaseline("pump", repaired_s, "repair")
    assert opened(engine, repaired_s, level=again)


def test_what_is_owed_outlives_a_checkpoint() -> None:
    values, cut = wander(np.random.default_rng(9), 120, DAY_S), 60 * 96
    whole, half = Engine(), Engine()
    told = opened(whole, level=values)
    first = opened(half, level=values[:cut])
    half = Engine.from_bytes(half.to_bytes())
    rest = opened(half, T0 + cut * STEP_S, level=values[cut:])
    assert {f.id for f in told} == {f.id for f in first} | {f.id for f in rest}
    assert half.to_bytes() == whole.to_bytes()

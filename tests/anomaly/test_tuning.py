"""Labels make a cohort quieter or stricter, within bounds; the engine obeys, and remembers it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anomaly import Engine, EngineSettings, Finding, SettingsError
from anomaly.tuning import CAUTION_RANGE, Label, tuned

Make = Callable[..., tuple[np.ndarray, np.ndarray]]
Run = Callable[..., list[Finding]]
_LABELS = st.lists(st.sampled_from(Label), max_size=200)


@given(_LABELS)
def test_caution_is_bounded_and_does_not_hang_on_order(labels: list[Label]) -> None:
    low, high = CAUTION_RANGE
    assert low <= tuned(labels).caution <= high
    assert tuned(labels) == tuned(reversed(labels))


@given(_LABELS, st.sampled_from([Label.CONFIRMED, Label.MISSED, Label.USEFUL]))
def test_faults_never_make_quieter(labels: list[Label], more: Label) -> None:
    assert tuned([*labels, more]).caution <= tuned(labels).caution


@given(_LABELS, st.sampled_from([Label.NO_FAULT, Label.NOT_USEFUL]))
def test_false_alarms_never_make_stricter(labels: list[Label], more: Label) -> None:
    assert tuned([*labels, more]).caution >= tuned(labels).caution


def test_without_labels_nothing_changes() -> None:
    assert tuned([]).caution == 1.0
    assert tuned([Label.NEITHER] * 9).caution == 1.0


def _small_shift(signal: Make) -> tuple[np.ndarray, np.ndarray]:
    times, values = signal(9000)
    values[6000:] += 0.45
    return times, values


def test_a_quiet_cohort_is_told_later_and_a_strict_one_sooner(
    signal: Make, run: Run, quick: EngineSettings
) -> None:
    first = {}
    for factor in (0.5, 1.0, 2.0):
        engine = Engine(quick)
        engine.set_caution("pump-1", factor)
        found = run(engine, *_small_shift(signal))
        first[factor] = found[0].detected_s if found else np.inf
    assert first[0.5] < first[1.0] < first[2.0]


def test_a_metric_that_comes_later_is_judged_like_the_device_s_others(
    signal: Make, run: Run, quick: EngineSettings
) -> None:
    times, values = _small_shift(signal)
    before, after = Engine(quick), Engine(quick)
    before.set_caution("pump-1", 2.0)
    before.series("pump-1", "pump/current", "A")
    after.series("pump-1", "pump/current", "A")
    after.set_caution("pump-1", 2.0)
    assert run(before, times, values) == run(after, times, values)
    assert before.to_bytes() == after.to_bytes()


def test_caution_set_later_counts_like_caution_set_at_first(
    signal: Make, run: Run, quick: EngineSettings
) -> None:
    times, values = _small_shift(signal)
    late, early = Engine(quick), Engine(quick)
    early.set_caution("pump-1", 2.0)
    run(late, times[:5000], values[:5000])
    run(early, times[:5000], values[:5000])
    late.set_caution("pump-1", 2.0)
    found_late = run(late, times[5000:], values[5000:])
    found_early = run(early, times[5000:], values[5000:])
    assert [f.kind for f in found_late] == [f.kind for f in found_early]


def test_caution_survives_state_and_a_new_baseline(
    signal: Make, run: Run, quick: EngineSettings
) -> None:
    engine = Engine(quick)
    engine.set_caution("pump-1", 1.7)
    times, values = signal(2000)
    run(engine, times, values)
    engine.rebaseline("pump-1", float(times[-1]), "repair")
    again = Engine.from_bytes(engine.to_bytes(), quick)
    assert again.caution("pump-1") == 1.7
    assert again.caution("another") == 1.0


@pytest.mark.parametrize("factor", [0.0, -1.0, 0.49, 2.01, float("nan"), float("inf")])
def test_no_caution_beyond_the_bounds(factor: float) -> None:
    with pytest.raises(SettingsError, match=r"0\.5\.\.2"):
        Engine().set_caution("pump-1", factor)

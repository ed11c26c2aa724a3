"""What a row tells is the same however a unit was sampled: gaps, fewer or more rows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anomaly.fleet.life_features import Windows, unit_features

AGES = np.arange(200.0)
WINDOWS = Windows.for_histories([AGES, AGES + 3.0])


def worn(ages: np.ndarray) -> np.ndarray:
    """Two readings that wear, smooth but for a slow wave."""
    return np.column_stack([0.02 * ages, (ages / 100.0) ** 2 + 0.3 * np.sin(ages / 25.0)])


def test_windows_follow_from_the_usual_step_and_length() -> None:
    assert Windows.for_life(200.0, 1.0) == WINDOWS
    hours = Windows.for_histories([AGES * 3_600.0])
    assert hours == Windows.for_life(200.0, 3_600.0)
    gaps = np.delete(AGES, np.arange(50, 90))
    assert Windows.for_histories([gaps]) == WINDOWS


def test_rows_at_the_usual_step_are_taken_as_they_are() -> None:
    as_they_come = Windows.for_life(200.0)
    np.testing.assert_array_equal(
        unit_features(worn(AGES), AGES, WINDOWS), unit_features(worn(AGES), AGES, as_they_come)
    )


@pytest.mark.parametrize("every", [2, 3])
def test_fewer_rows_tell_the_same(every: int) -> None:
    whole = unit_features(worn(AGES), AGES, WINDOWS)
    kept = AGES[::-1][::every][::-1]
    thinned = unit_features(worn(kept), kept, WINDOWS)
    assert thinned.shape == (len(kept), whole.shape[1])
    np.testing.assert_allclose(thinned[-1], whole[-1], rtol=0.02, atol=0.01)


def test_more_rows_tell_the_same() -> None:
    whole = unit_features(worn(AGES), AGES, WINDOWS)
    dense = np.arange(0.0, 199.01, 0.25)
    more = unit_features(worn(dense), dense, WINDOWS)
    np.testing.assert_allclose(more[-1], whole[-1], rtol=0.05, atol=0.05)


def test_a_gap_of_ages_makes_no_table_of_ages() -> None:
    ages = np.array([0.0, 1.0, 2.0, 1e12, 1e12 + 1.0])
    told = unit_features(worn(np.arange(5.0)), ages, WINDOWS)
    assert told.shape[0] == 5
    assert np.isfinite(told).all()


@given(st.lists(st.floats(0.0, 1e6), min_size=1, max_size=40), st.data())
def test_any_times_give_features_of_every_row(times: list[float], data: st.DataObject) -> None:
    ages = np.sort(np.array(times))
    ages -= ages[0]
    values = data.draw(
        st.lists(
            st.floats(-1e6, 1e6) | st.just(float("nan")), min_size=len(ages), max_size=len(ages)
        )
    )
    told = unit_features(np.array(values)[:, None], ages, WINDOWS)
    assert told.shape[0] == len(ages)
    assert np.isfinite(told).all()
    np.testing.assert_array_equal(told[:, 0], ages)

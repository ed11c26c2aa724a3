"""Settings refuse what is out of range and say the range."""

from __future__ import annotations

import dataclasses
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anomaly import EngineSettings, SettingsError
from anomaly.settings import RANGES


def test_every_setting_has_a_range() -> None:
    assert set(RANGES) == {field.name for field in dataclasses.fields(EngineSettings)}


@given(st.sampled_from(sorted(RANGES)), st.floats(allow_nan=True, allow_infinity=True))
def test_only_values_in_range_pass(name: str, value: float) -> None:
    low, high = RANGES[name]
    if low <= value <= high:
        assert getattr(EngineSettings(**{name: value}), name) == value
    else:
        with pytest.raises(SettingsError, match=name) as caught:
            EngineSettings(**{name: value})
        assert f"{low:g}..{high:g}" in str(caught.value)


@pytest.mark.parametrize("value", [True, "5", None, math.nan])
def test_only_numbers_pass(value: object) -> None:
    with pytest.raises(SettingsError):
        EngineSettings(silence_s=value)  # type: ignore[arg-type]

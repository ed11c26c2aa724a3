"""Sentences a lay reader understands, whatever the names and numbers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anomaly import sentences as say

NOW = 1_700_000_000.0  # a Tuesday, 22:13 UTC


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [(20.0, "Cel", "20 °C"), (3.14159, "A", "3.14 A"), (0.0, "V", "0 V"), (45.2, "%RH", "45.2 % humidity"),
     (1234567.0, "Pa", "1235 kPa"), (0.5, "/", "0.5")],
)  # fmt: skip
def test_quantities(value: float, unit: str, shown: str) -> None:
    assert say.quantity(value, unit) == shown


def test_since_when() -> None:
    assert say.moment(NOW - 3600, NOW) == "Tuesday 21:13"
    assert say.moment(NOW - 40 * 86400, NOW) == "05 October 2023 22:13"
    assert say.moment(1e30, NOW).startswith("second")


def test_the_model_sentence() -> None:
    text = say.level_sentence("compressor current", "A", 5.9, 5.0, NOW - 3600, NOW)
    assert text.startswith(
        "The compressor current has been 18 % above its usual level since Tuesday 21:13"
    )


@given(
    st.text(max_size=200), st.floats(allow_nan=False), st.floats(allow_nan=False), st.floats(0, 2e9)
)
def test_no_control_characters_and_no_error(
    name: str, now: float, usual: float, at_s: float
) -> None:
    text = say.level_sentence(say.plain_name(name), "Cel", now, usual, at_s, at_s + 60)
    assert text.isprintable()
    assert len(text) < 500

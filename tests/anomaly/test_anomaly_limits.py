"""Units guessed from names, and refuted by the first value."""

from __future__ import annotations

import pytest

from anomaly.limits import guess_unit, physical_limits


@pytest.mark.parametrize(
    ("name", "first", "unit"),
    [
        ("temperature", 21.0, "Cel"),
        ("room_temp", 21.0, "Cel"),
        ("temperature", 295.0, ""),
        ("Humidity", 40.0, "%RH"),
        ("flow [l/min]", 3.0, "l/min"),
        ("outlet (°C)", 50.0, "Cel"),
        ("attempts", 3.0, ""),
        ("Current", 1.0, ""),
    ],
)
def test_units_of_columns(name: str, first: float, unit: str) -> None:
    assert guess_unit(name, first) == unit


def test_unknown_units_have_no_limits() -> None:
    assert physical_limits("furlong") == (float("-inf"), float("inf"))

"""Numbers, units and times as people of each language write them."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from babel import Locale
from hypothesis import given
from hypothesis import strategies as st

from server.pages.language import formatting
from server.pages.language.reader import Reader
from server.pages.layout.curves import HEIGHT, WIDTH, polylines
from server.pages.staff.quarantine import excerpt
from server.telemetry.samples import Buckets

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
BRITISH = Reader("en", Locale("en", "GB"), UTC, "auto", NOW, "token")
POLISH = Reader("pl", Locale("pl"), ZoneInfo("Europe/Warsaw"), "auto", NOW, "token")


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (21.44, "Cel", "21.4 °C"),
        (0.0123, "A", "0.0123 A"),
        (1234.6, "W", "1,235 W"),
        (38.0, "%RH", "38 %"),
        (0.432, "/", "43%"),
        (209_400.0, "Pa", "209 kPa"),
        (48_200_000_000.0, "B", "48.2 GB"),
        (7200.0, "s", "2 hours"),
        (0.0, "V", "0 V"),
        (-18.06, "Cel", "-18.1 °C"),
        (12.0, "", "12"),
    ],
)
def test_readings(value: float, unit: str, shown: str) -> None:
    assert formatting.reading(BRITISH, value, unit).replace("\u00a0", " ") == shown


def test_another_language_writes_otherwise() -> None:
    assert formatting.reading(POLISH, 21.44, "Cel") == "21,4\u00a0°C"
    assert formatting.relative(POLISH, NOW - timedelta(hours=3)) == "3 godziny temu"
    assert formatting.clock_time(POLISH, NOW) == "13:00"


@pytest.mark.parametrize(
    ("offset", "shown"),
    [
        (timedelta(seconds=20), "now"),
        (timedelta(minutes=89), "in 89 minutes"),
        (timedelta(hours=-3), "3 hours ago"),
        (timedelta(hours=30), "in 30 hours"),
        (timedelta(days=2), "in 2 days"),
    ],
)
def test_relative_times(offset: timedelta, shown: str) -> None:
    assert formatting.relative(BRITISH, NOW + offset) == shown


def test_the_year_is_said_when_it_is_another() -> None:
    assert formatting.day_and_time(BRITISH, NOW) == "1 Mar, 12:00"
    assert "2025" in formatting.day_and_time(BRITISH, NOW - timedelta(days=200))


def test_a_time_is_written_for_machines_too() -> None:
    element = formatting.time_element(formatting.relative, BRITISH, NOW.timestamp())
    assert 'datetime="2026-03-01T12:00:00+00:00"' in element
    assert "data-relative" in element
    assert formatting.time_element(formatting.relative, BRITISH, None) == formatting.ABSENT


@given(st.floats(), st.sampled_from(["Cel", "Pa", "B", "/", "s", "", "W", "<b>"]))
def test_any_number_can_be_shown(value: float, unit: str) -> None:
    shown = formatting.reading(BRITISH, value, unit)
    assert (shown == formatting.ABSENT) == (not math.isfinite(value))


def buckets(times_s: list[float], values: list[float]) -> Buckets:
    column = np.array(values, dtype=np.float64)
    count = np.ones(len(values), dtype=np.int64)
    return Buckets(np.array(times_s, dtype=np.float64), column, column, column, count)


@given(
    st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=50),
)
def test_curves_stay_in_their_box(values: list[float]) -> None:
    lines = polylines(
        buckets([float(i) for i in range(len(values))], values), from_s=0.0, to_s=float(len(values))
    )
    points = [tuple(map(float, p.split(","))) for line in lines for p in line.split()]
    assert len(points) == len(values)
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in points)


def test_a_hole_ends_a_curve() -> None:
    times_s = [0.0, 1, 2, 3, 20, 21, 22]
    assert len(polylines(buckets(times_s, [1.0] * 7), from_s=0, to_s=30)) == 2
    assert polylines(buckets([1.0], [1.0]), from_s=0, to_s=30) == []


@given(st.binary(max_size=2000))
def test_any_message_can_be_shown_as_an_excerpt(payload: bytes) -> None:
    assert excerpt(payload).isprintable()

"""When a limit is reached, in words: exact in what is told, whatever the language, silent about nonsense."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from babel import Locale
from hypothesis import given
from hypothesis import strategies as st

from server.pages.language.reader import LANGUAGES, Reader
from server.pages.wording.forecasts import (
    forecast,
    forecast_interval,
    forecast_shortly,
    soonest,
    told_of,
)
from tests.server.pages.visitor import Visitor

NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
LOCALES = {"en": Locale("en", "GB"), "en_US": Locale("en", "US"), "pl": Locale("pl"), "ru": Locale("ru")}  # fmt: skip


def reader(language: str = "en") -> Reader:
    return Reader(language[:2], LOCALES[language], UTC, "auto", NOW, "token")


@dataclass
class Found:
    forecast: Mapping[str, Any] | None
    evidence: Mapping[str, Any] = field(default_factory=lambda: {"unit": "Cel"})
    ended_at: datetime | None = None
    metrics: Sequence[str] = ("bearing/temperature",)


def foreseen(*, limit: float = 80.0, **moments: datetime) -> Found:
    told = {"at": "limit_reached_s", "earliest": "limit_reached_earliest_s", "latest": "limit_reached_latest_s"}  # fmt: skip
    times = {told[name]: moment.timestamp() for name, moment in moments.items()}
    return Found({"sentence": "…", "limit": limit, **times})


def december(day: int, hour: int = 9) -> datetime:
    return datetime(2026, 12, day, hour, 30, tzinfo=UTC)


WEEK = foreseen(at=december(5), earliest=december(3), latest=december(9))


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "limit of 80 °C between 3 and 9 December, most likely on 5 December."),
        ("en_US", "limit of 80 °C between December 3 and 9, most likely on December 5."),
        ("pl", "granica 80 °C zostanie prawdopodobnie osiągnięta między 3 a 9 grudnia, najpewniej 5 grudnia."),
        ("ru", "предел 80 °C ожидается между 3 и 9 декабря, вероятнее всего 5 декабря."),
    ],
)  # fmt: skip
def test_days_as_people_say_them(language: str, said: str) -> None:
    assert forecast(reader(language), WEEK).replace("\u00a0", " ").endswith(said)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (
            foreseen(at=december(2), earliest=NOW + timedelta(days=1), latest=december(4)),
            "between 29 November and 4 December, most likely on 2 December.",
        ),
        (
            foreseen(at=december(30), earliest=december(20), latest=december(30) + timedelta(20)),
            "between 20 December 2026 and 19 January 2027, most likely on 30 December 2026.",
        ),
        (
            foreseen(at=december(3, 14), earliest=december(3, 11), latest=december(3, 20)),
            "between 3 Dec, 11:30 and 20:30, most likely on 3 Dec, 14:30.",
        ),
        (foreseen(at=december(5), earliest=december(3)), "around 5 December, not before 3 December."),
        (
            foreseen(at=december(5), earliest=NOW - timedelta(days=9), latest=december(9)),
            "between 28 November and 9 December, most likely on 5 December.",
        ),
        (foreseen(at=december(5), earliest=december(5), latest=december(5)), "on 5 Dec, 09:30."),
        (foreseen(at=NOW - timedelta(hours=1)), "should have reached its limit of 80 °C by now."),
    ],
)  # fmt: skip
def test_each_kind_of_interval(found: Found, said: str) -> None:
    assert forecast(reader(), found).replace("\u00a0", " ").endswith(said)


def test_a_year_that_ends_with_a_full_stop_ends_the_sentence() -> None:
    next_year = datetime(2027, 1, 3, tzinfo=UTC)
    found = foreseen(at=next_year, earliest=december(20), latest=next_year + timedelta(days=9))
    said = forecast(reader("ru"), found).replace("\u00a0", " ").replace("\u202f", " ")
    assert said.count("2027") == 2
    assert said.endswith(".")
    assert not said.endswith("..")


def test_staff_see_the_interval_to_the_minute_and_the_bar_says_it_shortly() -> None:
    told = forecast_interval(reader(), WEEK)
    assert told == "80\u00a0% interval: 3 Dec, 09:30 to 9 Dec, 09:30"
    assert forecast_shortly(reader(), WEEK).replace("\u00a0", " ") == "80 °C: 5 December"
    open_ = forecast_interval(reader(), foreseen(at=december(5), earliest=december(3)))
    assert open_ == "80\u00a0% interval: not before 3 Dec, 09:30, with no end yet"


def test_what_comes_first_is_told_first() -> None:
    sooner = foreseen(at=december(1))
    over = Found(sooner.forecast, ended_at=NOW)
    assert soonest([WEEK, over, Found(None), sooner]) is sooner
    assert soonest([over, Found(None), Found({"sentence": "only English"})]) is None


def test_one_metric_has_one_forecast() -> None:
    sooner = foreseen(at=december(1))
    other = replace(foreseen(at=december(8)), metrics=("vibration/rms",))
    assert told_of([WEEK, sooner, other, Found(None)]) == [WEEK, other]


numbers = st.one_of(st.floats(), st.text(max_size=3), st.none(), st.integers())


@given(
    language=st.sampled_from(sorted(LANGUAGES)),
    told=st.dictionaries(
        st.sampled_from(["limit", "limit_reached_s", "limit_reached_earliest_s", "limit_reached_latest_s"]),
        numbers | st.floats(1.7e9, 1.9e9),
    ),
)  # fmt: skip
def test_anything_on_record_gives_a_sentence_or_nothing(
    language: str, told: dict[str, Any]
) -> None:
    found = Found(told)
    for say in (forecast, forecast_interval, forecast_shortly):
        text = say(reader(language), found)
        assert "%(" not in text
        assert bool(text) == (soonest([found]) is not None)


def test_all_who_look_after_it_are_told(
    visit: Callable[..., Visitor], known: SimpleNamespace
) -> None:
    sentence = "it is expected to reach its limit of 16\u00a0A between"
    staff = ("/staff/devices/cold-store-2", f"/staff/tickets/{known.owner_ticket}")
    for path in staff:
        text = visit("staff").get(path).text
        assert sentence in text
        assert "80\u00a0% interval: " in text
    assert "→ 16\u00a0A: " in visit("staff").get(staff[0]).text
    for path in ("/devices/cold-store-2", f"/cases/{known.owner_ticket}"):
        text = visit("owner").get(path).text
        assert sentence in text
        assert "80\u00a0% interval" not in text
    assert "80\u00a0% interval: " in visit("technician").get(f"/jobs/{known.job}").text

"""Sentences from data: every kind has words, whatever the evidence says or lacks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, get_args

import pytest
from babel import Locale
from hypothesis import given
from hypothesis import strategies as st

from anomaly.finding import Kind
from anomaly.tuning import Label
from field_service import JobAction, JobState, Outcome
from server.account.viewer import Role
from server.command.states import CommandStatus
from server.conversation.english import SYSTEM_TEXTS
from server.detection.tuning import BY_HAND, BY_LABELS, BY_REVERT
from server.incident.states import IncidentState
from server.pages.language.reader import LANGUAGES, Reader
from server.pages.language.translations import translations
from server.pages.wording.cases import _WORDS, URGENCY, word
from server.pages.wording.evidence import evidence_rows
from server.pages.wording.findings import advice, explanation, headline
from server.pages.wording.leading import leading
from server.pages.wording.messages import ICONS, system_message
from server.pages.wording.metrics import metric_name
from server.ticket.states import Priority, Resolution, TicketState

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def reader(language: str = "en") -> Reader:
    locale = Locale("en", "GB") if language == "en" else Locale(language)
    return Reader(language, locale, UTC, "auto", NOW, "token")


@dataclass
class Found:
    kind: str
    metrics: list[str] = field(default_factory=lambda: ["compressor/current"])
    evidence: Mapping[str, Any] = field(default_factory=dict)


EVIDENCE: dict[str, dict[str, float | str]] = {
    "level_shift": {"unit": "A", "now": 14.23, "usual": 11.6},
    "drift": {"unit": "A", "now": 9.0, "usual": 11.6},
    "deviation": {"unit": "Cel", "away_from_profile": -2.34},
    "flapping": {"times": 7, "within_s": 400.0, "usual_per_day": 0.5},
    "reboot_loop": {"times": 4, "within_s": 400.0, "usual_per_day": 0.0},
    "counter_reset": {
        "unit": "B",
        "value": 3.0,
        "value_before": 90210.0,
        "times": 3.0,
        "usual_per_day": 0.0,
    },
    "relation": {
        "unit": "Cel",
        "now": 6.5,
        "suggested_by_others": 5.3,
        "shares": "a 60%",
        "times_usual_error": 4.0,
    },
    "rhythm": {"unit": "Cel", "swing_now": 0.4, "swing_usual": 4.0, "times_usual_error": 4.0},
    "event_rate": {"times": 40.0, "within_s": 900.0, "most_in_six_hours": 4.0},
    "unlike_peers": {"unit": "Cel", "now": 9.0, "peers_usual": 4.0, "peers": 7},
    "variance": {"step_now": 3.0, "step_usual": 1.0},
    "stuck": {"unit": "Cel", "value": 7.3},
    "out_of_range": {"unit": "Cel", "value": 612.0},
    "silence": {"silent_for_s": 600.0, "usual_interval_s": 60.0},
    "spike": {"unit": "A", "value": 80.0},
    "life": {"remaining_days": 4.2, "low_days": 1.5, "high_days": 7.0, "horizon_days": 7.0},
}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", get_args(Kind))
def test_every_kind_has_a_headline_without_gaps(kind: str, language: str) -> None:
    text = headline(reader(language), Found(kind, evidence=EVIDENCE.get(kind, {})))
    assert "%" not in text
    name = metric_name(translations(language), "compressor/current")
    assert text.startswith(f"{name}: ")
    assert advice(reader(language), kind)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", sorted(EVIDENCE))
def test_every_evidence_is_explained(kind: str, language: str) -> None:
    text = explanation(reader(language), Found(kind, evidence=EVIDENCE[kind]))
    assert text.endswith(".")
    assert "%(" not in text
    assert evidence_rows(reader(language), EVIDENCE[kind])


@pytest.mark.parametrize(
    ("language", "saturday"), [("en", "Saturday"), ("ru", "суббота"), ("pl", "sobota")]
)
def test_the_days_of_a_week_are_named_in_the_readers_language(language: str, saturday: str) -> None:
    evidence = EVIDENCE["rhythm"] | {"on_days": "Saturday, Sunday"}
    assert saturday in explanation(reader(language), Found("rhythm", evidence=evidence))
    rows = evidence_rows(reader(language), evidence)
    assert any(shown.startswith(saturday) for _, shown in rows)
    assert language == "en" or "Saturday" not in str(rows)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("end", ["lowest", "highest"])
def test_what_only_whole_days_show_is_not_said_of_this_moment(language: str, end: str) -> None:
    """The reading beside it on the page may be anywhere between the day's ends."""
    evidence = {"unit": "Cel", "now": 70.3, "usual": 66.9}
    of_days = f"its {end} of each day during commissioning"
    plain = explanation(reader(language), Found("drift", evidence=evidence))
    told = explanation(
        reader(language), Found("drift", evidence=evidence | {"compared_to": of_days})
    )
    assert told != plain
    assert re.search(r"70[.,]3", told)
    assert re.search(r"66[.,]9", told)
    assert language != "en" or told.startswith(f"Even its {end} of the day is")


def test_the_side_is_said() -> None:
    up = Found("level_shift", evidence={"now": 3.0, "usual": 2.0})
    down = Found("drift", evidence={"now": 1.0, "usual": 2.0})
    assert headline(reader(), up) == "Compressor current: higher than usual"
    assert headline(reader(), down) == "Compressor current: slowly falling"
    assert headline(reader(), Found("silence", metrics=[])) == "The device no longer reports"


@given(
    kind=st.one_of(st.sampled_from(get_args(Kind)), st.text(max_size=20)),
    metrics=st.lists(st.text(max_size=30), max_size=5),
    evidence=st.dictionaries(
        st.sampled_from(["now", "usual", "value", "unit", "away_from_profile", "step_now", "x"]),
        st.one_of(st.none(), st.text(max_size=5), st.floats(allow_nan=False, allow_infinity=False)),
    ),
)
def test_no_evidence_breaks_a_page(kind: str, metrics: list[str], evidence: dict[str, Any]) -> None:
    found = Found(kind, metrics, evidence)
    assert headline(reader("ru"), found)
    assert explanation(reader("pl"), found) is not None


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("ticket_state", TicketState),
        ("priority", Priority),
        ("resolution", Resolution),
        ("job_state", JobState),
        ("job_action", JobAction),
        ("job_done", JobAction),
        ("verdict", Outcome),
        ("verdict_hint", Outcome),
        ("role", Role),
        ("label", Label),
        ("tuning_origin", (BY_LABELS, BY_HAND, BY_REVERT)),
        ("incident_state", IncidentState),
        ("command_state", CommandStatus),
    ],
)
def test_every_state_has_its_word(kind: str, values: Any, language: str) -> None:
    assert set(map(str, values)) <= set(_WORDS[kind])
    for value in values:
        assert word(reader(language), kind, value)
    assert set(URGENCY) == set(map(str, Priority))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("code", sorted(SYSTEM_TEXTS))
def test_the_system_says_each_line_with_all_its_parameters(code: str, language: str) -> None:
    names = re.findall(r"\{(\w+)\}", SYSTEM_TEXTS[code])
    params: dict[str, Any] = {n: 1_772_366_400.0 if n.endswith("_s") else "support" for n in names}
    text = system_message(reader(language), code, params)
    assert text != code
    assert "%(" not in text
    assert "\u2013" not in text, "a parameter is asked for under another name"
    assert code in ICONS


def test_a_line_of_a_newer_version_is_shown_as_it_is() -> None:
    assert system_message(reader(), "something_new", {}) == "something_new"
    assert "\u2013" in system_message(reader(), "assigned", {})


@pytest.mark.parametrize(
    ("metric", "name"),
    [
        ("compressor/current", "Compressor current"),
        ("flow_rate", "Flow rate"),
        ("tank-7/level", "Tank-7 level"),
        ("", ""),
    ],
)
def test_measurements_have_names(metric: str, name: str) -> None:
    assert metric_name(translations("en"), metric) == name


def test_the_worst_of_a_metric_stands_for_it() -> None:
    worst, same = Found("drift", ["a/x"]), Found("deviation", ["a/x"])
    other, device, again = Found("stuck", ["b"]), Found("silence", []), Found("flapping", [])
    heads, rest = leading([worst, same, other, device, again])
    assert heads == [worst, other, device, again]
    assert rest == [same]

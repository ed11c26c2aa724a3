from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anomaly import KINDS
from server.job.rules import RULES, RULES_FILE, HandsRule, load_rules, needs_hands
from server.kit.errors import ConfigurationError


@pytest.mark.parametrize(
    ("kind", "metrics", "severity", "hands"),
    [
        ("drift", ["compressor/current"], 0.5, True),
        ("drift", ["compressor/current"], 0.1, False),
        ("stuck", ["room/temperature"], 0.1, True),
        ("drift", ["cpu/load"], 1.0, False),
        ("stuck", ["memory/used"], 1.0, False),
        ("silence", [], 1.0, False),
        ("spike", ["compressor/current"], 1.0, False),
    ],
)
def test_the_built_in_rules(kind: str, metrics: list[str], severity: float, hands: bool):
    assert needs_hands(kind, metrics, severity) is hands


@given(st.sampled_from(KINDS), st.lists(st.text(max_size=9), max_size=3), st.floats(0, 1))
def test_the_first_fitting_row_decides(kind: str, metrics: list[str], severity: float):
    everything = HandsRule(hands=True)
    nothing = HandsRule(hands=False)
    assert needs_hands(kind, metrics, severity, (everything, nothing))
    assert not needs_hands(kind, metrics, severity, (nothing, everything))
    assert not needs_hands(kind, metrics, severity, ())


def test_without_a_file_the_built_in_rules_hold(tmp_path: Path):
    assert load_rules(tmp_path) is RULES


def test_a_file_replaces_them(tmp_path: Path):
    (tmp_path / RULES_FILE).write_text(
        '[[rule]]\nkinds = ["silence"]\nhands = true\n'
        '[[rule]]\nmetrics = ["pump/*"]\nleast_severity = 0.7\nhands = true\n'
    )
    rules = load_rules(tmp_path)
    assert needs_hands("silence", [], 0.1, rules)
    assert needs_hands("drift", ["pump/flow"], 0.7, rules)
    assert not needs_hands("drift", ["pump/flow"], 0.6, rules)
    assert not needs_hands("stuck", ["room/temperature"], 1.0, rules)


def test_an_empty_file_sends_nobody(tmp_path: Path):
    (tmp_path / RULES_FILE).write_text("")
    assert load_rules(tmp_path) == ()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[[rule]\n", "Expected"),
        ("colour = 1\n", "unknown key 'colour'"),
        ("rule = 3\n", "rule is not a list"),
        ("rule = [3]\n", "rule 1: is not a table"),
        ("[[rule]]\nhands = 1\n", "rule 1: hands must be true or false"),
        ("[[rule]]\nkinds = []\n", "rule 1: hands must be true or false"),
        ("[[rule]]\nhands = true\n[[rule]]\nhand = true\n", "rule 2: unknown key 'hand'"),
        ('[[rule]]\nhands = true\nkinds = ["drft"]\n', "'drft' is none of spike"),
        ('[[rule]]\nhands = true\nkinds = "drift"\n', "kinds must be a list of texts"),
        ("[[rule]]\nhands = true\nmetrics = []\n", "metrics must not be empty"),
        ("[[rule]]\nhands = true\nmetrics = [1]\n", "metrics must be a list of texts"),
        ("[[rule]]\nhands = true\nleast_severity = 2\n", r"least_severity must be 0..1, got 2"),
        ("[[rule]]\nhands = true\nleast_severity = true\n", "least_severity must be 0..1"),
        ("[[rule]]\nhands = true\nleast_severity = nan\n", "least_severity must be 0..1"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(tmp_path: Path, text: str, complaint: str):
    (tmp_path / RULES_FILE).write_text(text)
    with pytest.raises(ConfigurationError, match=complaint) as refusal:
        load_rules(tmp_path)
    assert str(tmp_path / RULES_FILE) in str(refusal.value)


@given(st.binary(max_size=200))
def test_any_file_is_rules_or_a_clear_error(tmp_path_factory: pytest.TempPathFactory, data: bytes):
    folder = tmp_path_factory.mktemp("rules")
    (folder / RULES_FILE).write_bytes(data)
    try:
        assert isinstance(load_rules(folder), tuple)
    except ConfigurationError as error:
        assert RULES_FILE in str(error)  # noqa: PT017 - either outcome is right

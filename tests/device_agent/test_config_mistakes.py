"""Every setting there is, given wrongly in every way that its own rules allow for: line, name and reason."""

import dataclasses
import json
import re
import typing

import pytest

from device_agent.config import parse_settings
from device_agent.errors import ConfigError
from device_agent.settings import AgentSettings

REASONS = (
    "must be",
    "does not fit",
    "is not one of",
    "must not be empty",
    "is no regular",
    "is no path",
    "is required",
)


def settings_of(kind, where=()):
    """(tables above, field, type, whether in a repeated table) of every plain setting."""
    hints = typing.get_type_hints(kind)
    for item in dataclasses.fields(kind):
        hint = hints[item.name]
        if dataclasses.is_dataclass(hint):
            yield from settings_of(hint, (*where, (item.name, False)))
        elif typing.get_origin(hint) is tuple and dataclasses.is_dataclass(
            typing.get_args(hint)[0]
        ):
            yield from settings_of(typing.get_args(hint)[0], (*where, (item.name, True)))
        else:
            yield where, item, hint


def wrong_values(item, hint):
    rules = item.metadata
    if typing.get_origin(hint) is tuple:
        yield "3", "no list"
        yield "[1, 2]", "a list of numbers"
        if "each" in rules:
            yield '["nonsense"]', "not one of them"
        return
    yield {str: "7", int: '"x"', float: '"x"', bool: '"yes"'}[hint], "another type"
    yield "[]", "a list"
    if hint is int:
        yield "1.5", "a fraction"
    if hint is float:
        yield "nan", "no number"
    if rules.get("low") is not None:
        yield json.dumps(rules["low"] - 1), "too low"
    if rules.get("high") is not None:
        yield json.dumps(rules["high"] + 1), "too high"
    if "choices" in rules:
        yield '"nonsense"', "not one of them"
    if "pattern" in rules:
        strange = ("\n", "(", "x" * 200)
        misfits = (text for text in strange if re.fullmatch(rules["pattern"], text) is None)
        yield json.dumps(next(misfits)), "outside the pattern"
    if "check" in rules:
        refused = (text for text in ("((", "a..b", "[") if rules["check"](text))
        yield json.dumps(next(refused)), "refused by its check"


CASES = [
    pytest.param(where, item, value, id=f"{'.'.join(w for w, _ in where)}.{item.name}:{what}")
    for where, item, hint in settings_of(AgentSettings)
    for value, what in wrong_values(item, hint)
    if not (
        hint is float
        and value == "nan"
        and "low" not in item.metadata
        and "high" not in item.metadata
    )
]


def test_there_is_a_case_for_every_setting():
    named = {(where, item.name) for where, item, _ in settings_of(AgentSettings)}
    assert {(case.values[0], case.values[1].name) for case in CASES} == named
    assert len(CASES) > 300


@pytest.mark.parametrize(("where", "item", "value"), CASES)
def test_it_is_told_with_line_name_and_reason(where, item, value):
    lines = [] if item.name == "device_id" else ['device_id = "a"']
    if where:
        for depth, (_, is_repeated) in enumerate(where, start=1):
            path = ".".join(name for name, _ in where[:depth])
            if is_repeated:
                lines.append(f"[[{path}]]")
        if not where[-1][1]:
            lines.append(f"[{path}]")
    lines.append(f"{item.name} = {value}")
    with pytest.raises(ConfigError) as caught:
        parse_settings("\n".join(lines))
    said = [
        mistake
        for mistake in caught.value.mistakes
        if mistake.startswith(f"line {len(lines)}: ") and f"{item.name}:" in mistake
    ]
    assert len(said) == 1, caught.value.mistakes
    assert any(reason in said[0] for reason in REASONS), said


@pytest.mark.parametrize(
    ("broker", "said"),
    [
        ('key_file = "k"\ntls = true', "line 3: [broker] key_file: needs cert_file"),
        ('ca_file = "c"', "line 3: [broker] ca_file: has no effect without tls = true"),
        ('cert_file = "c"', "line 3: [broker] cert_file: has no effect without tls = true"),
        (
            'password_file = "f"\npassword = "p"',
            "line 3: [broker] password_file: give this or password, not both",
        ),
    ],
)
def test_settings_that_do_not_go_together(broker, said):
    with pytest.raises(ConfigError) as caught:
        parse_settings(f'device_id = "a"\n[broker]\n{broker}')
    assert caught.value.mistakes == [said]

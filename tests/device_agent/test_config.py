"""A configuration is taken whole, or every mistake is told with its line."""

import tomllib
from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import device_agent
from device_agent.config import load_settings, parse_settings, read_password
from device_agent.config_example import example_text
from device_agent.errors import ConfigError
from device_agent.sensor_settings import FileSettings
from device_agent.settings import AgentSettings


def mistakes(text):
    with pytest.raises(ConfigError) as caught:
        parse_settings(text)
    return caught.value.mistakes


def test_the_least_configuration_is_a_device_id():
    assert parse_settings('device_id = "a"') == AgentSettings(device_id="a")


def test_the_shipped_example_is_in_step_with_the_settings():
    shipped = Path(device_agent.__file__).with_name("agent.example.toml").read_text()
    assert shipped == example_text()
    assert parse_settings(shipped) == AgentSettings(device_id="my-device")


def test_the_example_with_every_comment_taken_off_is_the_defaults_too():
    lines = [
        line.removeprefix("# ") if " = " in line or line.startswith("# [") else line
        for line in example_text().splitlines()
    ]
    settings = parse_settings("\n".join(lines))
    assert settings.sensors.file == (FileSettings("tank/level", path="/run/tank-level"),)
    assert settings.broker == AgentSettings().broker
    shown = tomllib.loads("\n".join(lines))
    assert set(shown) == {item.name for item in fields(AgentSettings)}
    for name, table in shown.items():
        kind = type(getattr(AgentSettings(), name))
        if is_dataclass(kind):
            assert set(table) == {item.name for item in fields(kind)}


def test_every_mistake_is_told_at_once_with_its_line():
    text = """\
device_id = "a b"
colour = "red"

[broker]
port = 99999
hots = "x"
password = 7
[sensors.cpu]
period_s = "often"
[[sensors.file]]
name = "ok"
path = "/x"
[[sensors.file]]
name = "Not Ok"
[commands]
allow = ["reboot_now"]
"""
    found = mistakes(text)
    starts = [line.split(": ", 1)[0] for line in found]
    assert starts == [
        "line 1",
        "line 2",
        "line 5",
        "line 6",
        "line 7",
        "line 9",
        "line 13",
        "line 14",
        "line 16",
    ]
    assert found[2] == "line 5: [broker] port: must be 1 to 65535, is 99999"
    assert "known here: host, port" in found[3]
    assert found[4] == "line 7: [broker] password: must be a text"
    assert found[6] == "line 13: [sensors.file] path is required"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "device_id is required"),
        ("device_id = ", "line 1: not TOML"),
        ('device_id = "a"\nbroker = 3', "line 2: broker: must be a table"),
        ('device_id = "a"\n[sensors]\nfile = 3', "line 3: [sensors] file: must be a list"),
        (
            'device_id = "a"\n[sensors.disk]\npaths = [1]',
            "line 3: [sensors.disk] paths: must be a list of texts",
        ),
        ('device_id = "a"\nbroker = {port = 0}', "line 2: [broker] port: must be 1 to 65535"),
        ('device_id = "a"\nbroker.port = true', "line 2: [broker] port: must be a whole number"),
        (
            'device_id = "a"\n[packs]\nmax_age_s = nan',
            "line 3: [packs] max_age_s: must be 0.0 to 3600.0",
        ),
        ('device_id = "a"\n[packs]\nform = "xml"', "line 3: [packs] form: must be json or cbor"),
        (
            'device_id = "a"\n[broker]\npassword = "x"\npassword_file = "y"',
            "line 4: [broker] password_file: give this or password, not both",
        ),
        (
            'device_id = "a"\n' + '[[sensors.file]]\nname = "n"\npath = "p"\n' * 2,
            "line 6: [sensors.file] name: n is used twice",
        ),
    ],
)
def test_one_mistake_is_told_where_it_is(text, said):
    assert any(said in mistake for mistake in mistakes(text)), mistakes(text)


@given(st.text(max_size=60))
def test_any_text_gives_settings_or_the_one_error(text):
    try:
        parse_settings(text)
    except ConfigError as error:
        told = error.mistakes
    else:
        told = ["sound"]
    assert told


def test_a_file_that_is_not_there_or_not_text_is_told(tmp_path):
    with pytest.raises(ConfigError, match="no such file"):
        load_settings(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="can't be read"):
        load_settings(tmp_path / "bad.toml")


def test_the_password_is_the_first_line_of_its_file(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("hush \nnot this\n")
    assert (
        read_password(parse_settings(f'device_id="a"\n[broker]\npassword_file="{secret}"'))
        == "hush"
    )
    with pytest.raises(ConfigError, match="password_file"):
        read_password(parse_settings('device_id="a"\n[broker]\npassword_file="/nowhere/x"'))

"""Settings: options over environment over file; every mistake is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from server.kit.errors import ConfigurationError
from server.kit.settings import CONFIG_FILE, load


def test_option_beats_environment_beats_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / CONFIG_FILE).write_text("http_port = 1\nmqtt_port = 2\nsla_hours = 3\n")
    monkeypatch.setenv("FOREWARN_MQTT_PORT", "20")
    monkeypatch.setenv("FOREWARN_SLA_HOURS", "30")
    settings = load(data_dir=tmp_path, sla_hours=300, host=None)
    assert (settings.http_port, settings.mqtt_port, settings.sla_hours) == (1, 20, 300)
    assert settings.host == "127.0.0.1"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("htp_port = 1", "unknown key 'htp_port'"),
        ("http_port = 70000", "http_port"),
        ("http_port = 'x'", "http_port"),
        ("[[[", "forewarn.toml"),
        ("\x00", "forewarn.toml"),
    ],
)
def test_a_mistake_in_the_file_is_named(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / CONFIG_FILE).write_text(text)
    with pytest.raises(ConfigurationError, match=complaint):
        load(data_dir=tmp_path)


def test_a_mistake_in_the_environment_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOREWARN_HTTP_PORT", "many")
    with pytest.raises(ConfigurationError, match=r"http_port.*'many'"):
        load()

"""The command line: what it prints, how it ends, and that it is light."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from device_agent.cli import main
from device_agent.config import parse_settings
from device_agent.spool import SqliteSpool

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "agent.toml"
    (tmp_path / "level").write_text("4.5")
    path.write_text(
        f'device_id = "dev-1"\n[spool]\ndirectory = "{tmp_path / "spool"}"\n'
        f'[[sensors.file]]\nname = "tank/level"\nunit = "m"\npath = "{tmp_path / "level"}"\n'
        f'[[sensors.file]]\nname = "tank/missing"\npath = "{tmp_path / "nowhere"}"\n'
    )
    return path


@pytest.mark.parametrize("command", [[], ["run"], ["check"], ["sensors"], ["spool"]])
def test_every_command_explains_itself(command, capsys):
    with pytest.raises(SystemExit) as left:
        main([*command, "--help"])
    assert left.value.code == 0
    said = capsys.readouterr().out
    assert "usage: forewarn-agent" in said
    if command:
        assert "--config" in said


@pytest.mark.parametrize("arguments", [[], ["fly"], ["run", "--fast"]])
def test_a_wrong_command_line_is_status_2(arguments, capsys):
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert left.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_check_tells_a_sound_configuration(config, capsys):
    assert main(["check", "--config", str(config)]) == 0
    said = capsys.readouterr().out
    assert "sound" in said
    assert "localhost:1883 as dev-1, without a password" in said


@pytest.mark.parametrize("command", ["run", "check", "sensors", "spool"])
def test_a_wrong_configuration_is_status_2_and_every_mistake(command, config, capsys):
    config.write_text('device_id = "dev-1"\n[broker]\nport = 0\nhots = 1\n')
    assert main([command, "--config", str(config)]) == 2
    said = capsys.readouterr().err.splitlines()
    assert [line.split(": ")[1] for line in said] == ["line 3", "line 4"]
    assert all(line.startswith(str(config)) for line in said)


def test_check_prints_the_defaults_without_a_configuration(capsys):
    assert main(["check", "--print-defaults"]) == 0
    assert parse_settings(capsys.readouterr().out).device_id == "my-device"


def test_sensors_lists_name_unit_kind_and_a_live_value(config, capsys):
    assert main(["sensors", "--config", str(config)]) == 0
    rows = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert rows["name"].split() == ["name", "unit", "kind", "every", "value"]
    assert rows["tank/level"].split() == ["tank/level", "m", "file", "10", "s", "4.5"]
    assert "FileNotFoundError" in rows["tank/missing"]
    assert rows["memory/used_share"].split()[1:3] == ["/", "share"]


def test_a_reader_that_has_seen_enough_is_no_error(config):
    read, write = os.pipe()
    os.close(read)
    shown = subprocess.run(
        [sys.executable, "-m", "device_agent.cli", "sensors", "--config", str(config)],
        cwd=ROOT, stdout=write, stderr=subprocess.PIPE, text=True, timeout=60, check=False,
    )  # fmt: skip
    os.close(write)
    assert (shown.returncode, shown.stderr) == (1, "")


def test_spool_shows_depth_and_age_and_says_when_there_is_none(config, tmp_path, capsys):
    assert main(["spool", "--config", str(config)]) == 1
    assert "there is no spool" in capsys.readouterr().err
    spool = SqliteSpool(tmp_path / "spool", 10**6)
    spool.put("telemetry", b"x" * 100, 1.7e9)
    assert main(["spool", "--config", str(config)]) == 0
    said = capsys.readouterr().out
    assert "waiting  1 messages" in said
    assert "oldest   -" not in said
    spool.close()


def test_run_says_when_the_spool_is_taken(config, tmp_path, capsys):
    spool = SqliteSpool(tmp_path / "spool", 10**6)
    assert main(["run", "--config", str(config)]) == 1
    assert "in use by another agent" in capsys.readouterr().err
    spool.close()


def test_the_agent_imports_neither_the_server_nor_anything_heavy():
    found = subprocess.run(
        [sys.executable, "-c", "import sys, device_agent.agent, device_agent.cli; print(*sys.modules)"],
        capture_output=True, text=True, check=True, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
    ).stdout.split()  # fmt: skip
    forbidden = {
        "server",
        "anomaly",
        "field_service",
        "numpy",
        "pydantic",
        "sqlalchemy",
        "fastapi",
        "asyncio",
    }
    assert not forbidden & set(found)

"""`forewarn replay` before it reaches a broker: the file, the options, the credentials."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

Forewarn = Callable[..., Result]
NOBODY = "mqtt://127.0.0.1:9"


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "a.csv"
    path.write_text("time,Flow Rate,anomaly,state\n1700000000,1.5,0,idle\n1700000060,1.6,0,run\n")
    return str(path)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--time", "when"], "no column 'when'"),
        (["--skip", "x"], "no column 'x'"),
        (["--unit", "Flow"], "COLUMN=UNIT"),
        (["--start", "noon"], "--start 'noon'"),
        (["--delimiter", "ab"], "--delimiter"),
        (["--speed", "0"], "--speed"),
        (["--mqtt", "ftp://host", "--password", "p"], "not a broker's address"),
        (["--mqtt", NOBODY, "--password", "p"], "is the server running?"),
        ([], "--password"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(
    forewarn: Forewarn, file: str, options: list[str], says: str
) -> None:
    result = forewarn("replay", file, "--device", "pump", *options)
    assert (result.exit_code, result.stdout) == (2, "")
    assert says in result.stderr
    assert "Traceback" not in result.stderr


def test_a_broken_row_is_named_before_anything_is_sent(forewarn: Forewarn, tmp_path: Path) -> None:
    broken = tmp_path / "b.csv"
    broken.write_text("time,v\n1700000000,1\nlater,2\n")
    result = forewarn("replay", str(broken), "--device", "pump", "--mqtt", NOBODY)
    assert result.exit_code == 2
    assert re.search(r"line 3: 'later' is not a time", result.stderr)


def test_what_will_be_sent_is_told(forewarn: Forewarn, file: str) -> None:
    result = forewarn(
        "replay", file, "--device", "pump", "--skip", "anomaly", "--unit", "Flow Rate=l/s",
        "--mqtt", NOBODY, "--password", "p",
    )  # fmt: skip
    assert "2 rows of flow_rate [l/s]" in result.stderr
    assert "'state' is left out" in result.stderr
    assert "left out: anomaly" in result.stderr


def test_the_password_may_come_from_the_environment(
    forewarn: Forewarn, file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOREWARN_DEVICE_PASSWORD", "p")
    result = forewarn("replay", file, "--device", "pump", "--mqtt", NOBODY)
    assert "is the server running?" in result.stderr

"""Each command: what it prints, what it changes, how it fails."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import Result

from server.account import service as accounts
from server.account.limiter import SignInLimiter
from server.account.viewer import Role
from server.device.credentials import check_credentials
from server.kit.clock import SystemClock
from server.kit.data_directory import DataDirectory
from server.kit.database import Database
from server.kit.settings import load

Forewarn = Callable[..., Result]
PASSWORD = "a long enough one"
COMMANDS = [
    "up", "demo", "user add", "token create", "device add", "device allow", "device list", "setup mosquitto",
    "replay", "score",
    "life fit", "life predict", "failure fit", "failure predict", "model offer", "model list",
    "model revert", "tune list", "tune show", "tune set", "tune revert", "tune auto",
    "tune forget", "tune replay", "doctor",
]  # fmt: skip
STATEFUL = {
    "up",
    "demo",
    "user add",
    "token create",
    "device add",
    "device allow",
    "device list",
    "setup mosquitto",
    "replay",
    "tune list",
    "tune show",
    "tune set",
    "tune revert",
    "tune auto",
    "tune forget",
    "tune replay",
    "doctor",
}


@pytest.fixture
def records(data_dir: Path) -> Iterator[Callable[[], Database]]:
    opened: list[Database] = []

    def open_records() -> Database:
        opened.append(Database.at(DataDirectory(data_dir).records_file))
        return opened[-1]

    yield open_records
    for database in opened:
        database.close()


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(forewarn: Forewarn, command: str) -> None:
    result = forewarn(*command.split(), "--help", own_dir=False)
    assert result.exit_code == 0
    assert f"Usage: forewarn {command}" in result.stdout
    assert ("--data-dir" in result.stdout) == (command in STATEFUL)


def test_help_and_version_answer_without_loading_the_server() -> None:
    code = (
        "import sys\n"
        "sys.argv = ['forewarn', '{}']\n"
        "from server.cli import main\n"
        "try:\n"
        "    main()\n"
        "finally:\n"
        "    heavy = {{'fastapi', 'sqlalchemy', 'numpy', 'pydantic', 'duckdb'}} & set(sys.modules)\n"
        "    print('loaded', sorted(heavy))\n"
    )
    for option in ("--help", "--version"):
        done = subprocess.run(
            [sys.executable, "-c", code.format(option)],
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert "loaded []" in done.stdout, done.stderr


def test_score_loads_no_web_framework(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("time,v\n" + "".join(f"{1_700_000_000 + k},{k % 7}\n" for k in range(50)))
    code = (
        f"import sys; sys.argv = ['forewarn', 'score', {str(file)!r}]\n"
        "from server.cli import main\n"
        "try:\n"
        "    main()\n"
        "finally:\n"
        "    print('loaded', sorted({'fastapi', 'sqlalchemy', 'paho'} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], check=False, capture_output=True, text=True, timeout=120
    )
    assert "loaded []" in done.stdout, done.stderr


def test_a_person_is_added_and_can_sign_in(
    forewarn: Forewarn, records: Callable[[], Database]
) -> None:
    result = forewarn("user", "add", "Ann@Example.com", "--role", "staff", text=f"{PASSWORD}\n")
    assert (result.exit_code, result.stdout) == (0, "added ann@example.com as staff\n")
    assert accounts.sign_in(
        records(), SignInLimiter(), "ann@example.com", PASSWORD,
        client_address="", user_agent="", now=SystemClock().now(),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "text", "says"),
    [
        (["not-an-address", "--role", "owner"], PASSWORD, "email"),
        (["a@example.com", "--role", "owner"], "short", "password"),
        (["a@example.com", "--role", "owner"], "", "password"),
        (["a@example.com", "--role", "king"], PASSWORD, "king"),
        (["a@example.com"], PASSWORD, "--role"),
    ],
)
def test_a_person_that_cannot_be_is_refused(
    forewarn: Forewarn, arguments: list[str], text: str, says: str
) -> None:
    result = forewarn("user", "add", *arguments, text=text)
    assert result.exit_code == 2
    assert says in result.stderr
    assert "Traceback" not in result.stderr


def test_a_token_is_printed_bare_and_opens(
    forewarn: Forewarn, records: Callable[[], Database]
) -> None:
    forewarn("user", "add", "a@example.com", "--role", "admin", text=f"{PASSWORD}\n")
    result = forewarn("token", "create", "a@example.com")
    assert result.exit_code == 0
    token = result.stdout.removesuffix("\n")
    assert token.isprintable()
    with records().reading() as session:
        found = accounts.viewer_for_api_token(session, token, now=SystemClock().now())
    assert found is not None
    assert found[0].role is Role.ADMIN
    missing = forewarn("token", "create", "b@example.com")
    assert (missing.exit_code, missing.stdout) == (2, "")
    assert "b@example.com" in missing.stderr


def test_a_device_is_added_once_and_listed(
    forewarn: Forewarn, records: Callable[[], Database], data_dir: Path
) -> None:
    assert "no devices yet" in forewarn("device", "list").stderr
    forewarn("user", "add", "a@example.com", "--role", "owner", text=f"{PASSWORD}\n")
    result = forewarn("device", "add", "pump-1", "--owner", "a@example.com", "--model", "P-90",
                      "--site", "Leipzig")  # fmt: skip
    assert result.exit_code == 0
    [line] = result.stdout.splitlines()
    credentials = json.loads(line)
    assert set(credentials) == {"device_id", "username", "password", "mqtt"}
    assert credentials["device_id"] == credentials["username"] == "pump-1"
    assert credentials["mqtt"] == "mqtt://127.0.0.1:1883"
    with records().reading() as session:
        assert check_credentials(session, "pump-1", credentials["password"])
    listed = forewarn("device", "list").stdout
    assert all(word in listed for word in ("pump-1", "P-90", "Leipzig", "never"))
    again = forewarn("device", "add", "pump-1")
    assert (again.exit_code, again.stdout) == (2, "")
    assert "already" in again.stderr


def test_a_running_servers_own_address_is_printed(forewarn: Forewarn, data_dir: Path) -> None:
    data_dir.mkdir()
    (data_dir / "server.json").write_text('{"http": "", "mqtt": "mqtt://127.0.0.1:4321", "pid": 1}')
    added = json.loads(forewarn("device", "add", "pump-1").stdout)
    assert added["mqtt"] == "mqtt://127.0.0.1:4321"


@pytest.mark.parametrize(
    "arguments", [["bad id"], ["a/b"], ["x" * 65], ["ok", "--owner", "nobody@example.com"]]
)
def test_a_device_that_cannot_be_is_refused(forewarn: Forewarn, arguments: list[str]) -> None:
    result = forewarn("device", "add", *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("forewarn: ")


@pytest.mark.parametrize("command", ["up", "user add a@example.com --role owner", "device list"])
def test_a_data_directory_of_the_future_is_left_alone(
    forewarn: Forewarn, data_dir: Path, command: str
) -> None:
    data_dir.mkdir()
    (data_dir / "version.json").write_text('{"layout": 99}')
    result = forewarn(*command.split(), text=PASSWORD)
    assert result.exit_code == 2
    assert "newer Forewarn" in result.stderr
    assert not (data_dir / "records.sqlite3").exists()


def test_a_data_directory_that_is_a_file_is_said(forewarn: Forewarn, data_dir: Path) -> None:
    data_dir.write_text("")
    result = forewarn("device", "list")
    assert result.exit_code == 2
    assert str(data_dir) in result.stderr


def test_a_key_that_is_no_setting_is_named(forewarn: Forewarn, data_dir: Path) -> None:
    data_dir.mkdir()
    (data_dir / "forewarn.toml").write_text("http_prot = 1\n")
    for command in ("up", "device list", "doctor"):
        result = forewarn(*command.split())
        assert result.exit_code == 2
        assert "http_prot" in result.stderr


def test_settings_come_from_the_environment_too(
    forewarn: Forewarn, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOREWARN_DATA_DIR", str(data_dir))
    monkeypatch.setenv("FOREWARN_MQTT_PORT", "2000")
    added = json.loads(forewarn("device", "add", "pump-1", own_dir=False).stdout)
    assert added["mqtt"] == "mqtt://127.0.0.1:2000"
    assert load().data_dir == data_dir
    assert (data_dir / "records.sqlite3").exists()


def test_scoring_prints_notes_and_writes_files(forewarn: Forewarn, tmp_path: Path) -> None:
    file, out, found = tmp_path / "a.csv", tmp_path / "s.csv", tmp_path / "f.json"
    file.write_text("time,v\n" + "".join(f"{1_700_000_000 + k},{k % 7}\n" for k in range(50)))
    result = forewarn(
        "score", str(file), "--out", str(out), "--findings", str(found), own_dir=False
    )
    assert result.exit_code == 0
    assert "50 rows of 1 device" in result.stderr
    assert out.read_text().startswith("time,device,metric,score,alarm\n")
    assert isinstance(json.loads(found.read_text()), list)


def test_topics_are_given_and_taken_away(forewarn: Forewarn) -> None:
    assert forewarn("device", "add", "gw", "--topics", "zigbee2mqtt/#").exit_code == 0
    assert forewarn("device", "add", "lamp", "--via", "gw").exit_code == 0
    shown = json.loads(forewarn("device", "allow", "gw", "--topics", "a/+", "--topics", "b").stdout)
    assert shown == {"device_id": "gw", "topics": ["a/+", "b"], "via": None}
    assert json.loads(forewarn("device", "allow", "gw", "--none").stdout)["topics"] == []
    for wrong, why in (
        (("add", "x", "--topics", "devices/#"), "under devices/"),
        (("add", "x", "--via", "nobody"), "no device nobody"),
        (("allow", "gw"), "give --topics"),
        (("allow", "nobody", "--none"), "no such device"),
    ):
        result = forewarn("device", *wrong)
        assert result.exit_code == 2
        assert why in result.stderr


def test_mosquitto_is_set_up(forewarn: Forewarn, data_dir: Path, tmp_path: Path) -> None:
    forewarn("device", "add", "pump")
    result = forewarn("setup", "mosquitto", "--dir", str(tmp_path / "m"))
    assert result.exit_code == 0
    assert "pump:$7$" in (tmp_path / "m" / "forewarn.passwd").read_text()
    (data_dir / "forewarn.toml").write_text(result.stdout)
    settings = load(data_dir=data_dir)
    assert settings.mosquitto_dir == tmp_path / "m"
    assert str(settings.mqtt_url).startswith("mqtt://forewarn:")
    again = forewarn("setup", "mosquitto", "--dir", str(tmp_path / "m"))
    assert again.stdout == f'mosquitto_dir = "{tmp_path / "m"}"\n'
    doctor = forewarn("doctor", "--http-port", "0")
    assert "mqtt://127.0.0.1:1883" in doctor.stdout


@pytest.mark.parametrize(
    "url", ["localhost", "http://x", "mqtt://", "mqtt://x:99999", "mqtt://h/p"]
)
def test_a_wrong_mqtt_url_is_one_line(forewarn: Forewarn, data_dir: Path, url: str) -> None:
    data_dir.mkdir()
    (data_dir / "forewarn.toml").write_text(f'mqtt_url = "{url}"\n')
    result = forewarn("up", "--http-port", "0")
    assert result.exit_code == 2
    [line] = [line for line in result.stderr.splitlines() if line.startswith("forewarn: ")]
    assert "mqtt_url" in line
    assert "mqtt://user:password@host:1883" in line


@pytest.mark.parametrize(
    "arguments",
    [
        ["score", "missing.csv"],
        ["score", "missing.csv", "--false-alarms-per-day", "-1"],
        ["life", "fit", "missing.csv", "--unit", "u", "--time", "t", "--out", "m.skops"],
        ["life", "predict", "missing.csv", "--model", "m.skops", "--out", "l.csv"],
    ],
)
def test_a_librarys_refusal_is_one_line(
    forewarn: Forewarn, arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = forewarn(*arguments, own_dir=False)
    assert result.exit_code == 2
    [line] = result.stderr.splitlines()
    assert line.startswith("forewarn: ")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"\0\0\0", "empty"),
        (b"time;load\n", "no rows"),
        (b"time,load\n2024-01-01,1\nnever,2\n", "line 3"),
        (b"time,load\n1e300,1\n", "line 2"),
        (
            b'time,"two\rlines","\x1b[31mred"\n1,a,b\n',
            "no column holds numbers (two lines, [31mred)",
        ),
        (b"\x1f\x8b\xff\xfe", "cannot be read"),
    ],
)
def test_a_file_that_cannot_be_scored_is_one_line_and_two(
    forewarn: Forewarn, content: bytes, says: str, tmp_path: Path
) -> None:
    file = tmp_path / "bad.csv"
    file.write_bytes(content)
    result = forewarn("score", str(file), own_dir=False)
    assert (result.exit_code, result.stdout) == (2, "")
    [line] = result.stderr.splitlines()
    assert line.startswith("forewarn: bad.csv: ")
    assert says in line


def test_doctor_finds_a_fresh_directory_sound(forewarn: Forewarn) -> None:
    result = forewarn("doctor", "--http-port", "0", "--mqtt-port", "0")
    for check in ("Python", "broker", "data directory", "ports", "records", "clock"):
        assert check in result.stdout
    assert "none yet" in result.stdout
    assert (result.exit_code == 1) == ("fail" in result.stdout)


def test_doctor_says_what_to_do(forewarn: Forewarn, data_dir: Path) -> None:
    data_dir.mkdir()
    (data_dir / "version.json").write_text('{"layout": 99}')
    result = forewarn("doctor")
    assert result.exit_code == 1
    assert "newer Forewarn" in result.stdout

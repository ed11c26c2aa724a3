"""`forewarn-agent enroll` against a server that answers as a test says."""

import json
import os
import stat
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from device_agent.cli import main
from device_agent.config import load_settings, parse_settings
from device_agent.enroll import Credentials
from device_agent.enroll.claim import new_code, picture, wait_for_claim
from device_agent.enroll.writing import config_text
from device_agent.errors import EnrolError

GOOD = {
    "device_id": "d1", "username": "d1", "password": 'p"\\\n#', "mqtt_url": "mqtt://hub.example:4711",
}  # fmt: skip


class Server(ThreadingHTTPServer):
    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers = []
        self.asked = []

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append((self.path, json.loads(body)))
        status, answer = self.server.answers.pop(0)
        data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    made = Server()
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield made
    made.shutdown()
    made.server_close()
    thread.join()


@pytest.fixture
def enroll(server, tmp_path, capsys):
    config = tmp_path / "etc" / "agent.toml"

    def run(*more, token="T"):
        arguments = ["enroll", "--server", server.url, "--config", str(config)]
        status = main([*arguments, *(["--token", token] if token else []), *more])
        said = capsys.readouterr()
        return status, said.out + said.err

    run.config = config
    return run


def test_a_token_becomes_a_configuration_that_only_its_owner_reads(enroll, server):
    server.answers = [(200, GOOD)]
    status, said = enroll()
    assert status == 0
    assert server.asked == [("/api/v1/enrol", {"token": "T"})]
    assert stat.S_IMODE(enroll.config.stat().st_mode) == 0o600
    settings = load_settings(enroll.config)
    broker = settings.broker
    assert (settings.device_id, broker.host, broker.port) == ("d1", "hub.example", 4711)
    assert broker.password == GOOD["password"]
    assert GOOD["password"] not in said
    assert list(enroll.config.parent.iterdir()) == [enroll.config]


def test_a_configuration_is_not_replaced_and_the_token_not_used_for_it(enroll, server):
    server.answers = [(200, GOOD)] * 2
    enroll()
    status, said = enroll()
    assert (status, len(server.asked)) == (1, 1)
    assert "--force" in said
    assert enroll("--force")[0] == 0


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((404, {"detail": "the token is unknown, used or expired"}), "unknown, used or expired"),
        ((429, {"detail": "slower"}), "slower"),
        ((500, b"<html>"), "answered 500"),
        ((200, b"<html>"), "makes no sense"),
        ((200, {"device_id": "d1"}), "makes no sense"),
        ((200, {**GOOD, "device_id": "../x"}), "names no device"),
        ((200, {**GOOD, "mqtt_url": "http://x"}), "no broker"),
        ((200, {**GOOD, "mqtt_url": "mqtt://x:999999"}), "no broker"),
    ],
)
def test_what_goes_wrong_is_said_and_nothing_is_written(enroll, server, answer, said):
    server.answers = [answer]
    status, told = enroll()
    assert status == 1
    assert said in told
    assert not enroll.config.exists()


def test_no_server_and_no_url_are_told(tmp_path, capsys):
    for url in ("http://127.0.0.1:1", "ftp://x", "http://[", "https://127.0.0.1:1"):
        config = str(tmp_path / "a.toml")
        assert main(["enroll", "--server", url, "--token", "T", "--config", config]) == 1
        assert "forewarn-agent:" in capsys.readouterr().err


def test_a_claim_code_is_shown_and_asked_for_until_somebody_enters_it(server):
    server.answers = [(404, {}), (429, {}), (200, GOOD)]
    pauses = []
    got = wait_for_claim(
        server.url, "CODE", ca_file="", patience_s=60, monotonic=lambda: 10.0 * len(pauses),
        sleep=pauses.append,
    )  # fmt: skip
    assert got.device_id == "d1"
    assert len(pauses) == 2
    assert {asked[1]["token"] for asked in server.asked} == {"CODE"}


def test_a_claim_that_nobody_enters_ends(enroll, server):
    server.answers = [(404, {})]
    status, said = enroll("--wait-s", "0", token="")
    assert status == 1
    assert "code: " in said
    assert "nobody has entered" in said


def test_codes_can_be_read_aloud():
    codes = {new_code() for _ in range(50)}
    assert len(codes) == 50
    assert all(len(code) == 19 and not set(code) & set("01OIL") for code in codes)


def test_the_code_is_shown_as_a_picture_that_a_phone_reads(enroll, server):
    """Two modules of the QR code lie in each character: light is printed, dark is left blank."""
    segno = pytest.importorskip("segno") if os.environ.get("CI") != "true" else __import__("segno")
    server.answers = [(404, {})]
    _, said = enroll("--wait-s", "0", token="")
    drawing, text = said.split("\ncode: ")
    code = text.split()[0]
    rows = []
    for line in drawing.splitlines():
        rows.append([char in " \u2584" for char in line])
        rows.append([char in " \u2580" for char in line])
    border = 4
    wanted = [
        list(map(bool, row)) for row in segno.make(code, error="m").matrix_iter(border=border)
    ]
    assert rows[: len(wanted)] == wanted


def test_without_the_library_the_code_is_shown_as_text_only(monkeypatch):
    monkeypatch.setitem(sys.modules, "segno", None)
    assert picture("x") == ""


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("mqtts://h", (8883, True, "tcp", "/mqtt")),
        ("ws://h:8083/x", (8083, False, "websockets", "/x")),
        ("wss://h", (443, True, "websockets", "/mqtt")),
        ("mqtt://[::1]:9", (9, False, "tcp", "/mqtt")),
    ],
)
def test_the_brokers_address_is_understood(url, expected):
    got = Credentials("d", "d", "p", url)
    broker = parse_settings(config_text(got, ca_file="/ca", spool_directory="/s")).broker
    assert (broker.port, broker.tls, broker.transport, broker.websocket_path) == expected
    assert broker.ca_file == ("/ca" if broker.tls else "")


def test_a_broker_without_a_host_is_refused():
    with pytest.raises(EnrolError):
        config_text(Credentials("d", "d", "p", "mqtt://"), ca_file="", spool_directory="")

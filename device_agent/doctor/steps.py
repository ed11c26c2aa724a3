"""The steps from here to the broker, each resting on the one before: the first that fails is the fault."""

import socket
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from device_agent.delivery_settings import BrokerSettings
from device_agent.doctor.session import publish_once
from device_agent.errors import SpoolError
from device_agent.proxy import parse_proxy
from device_agent.settings import AgentSettings
from device_agent.spool import read_depth
from device_agent.wire.text import clean

_TIMEOUT_S: Final = 8.0
# This was not written before: a clock that says so was never set.
_WRITTEN_S: Final = 1_760_000_000.0


@dataclass(frozen=True, slots=True)
class Step:
    """What was looked at, whether it is well, what was found, and what to do (empty: nothing)."""

    name: str
    is_well: bool
    found: str
    advice: str = ""


def check_clock(_settings: AgentSettings, _password: str) -> Step:
    """Certificates and readings need the time."""
    now = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())
    if time.time() < _WRITTEN_S:
        return Step("clock", False, now, "set it: timedatectl set-ntp true, or a battery clock")
    return Step("clock", True, now)


def check_spool(settings: AgentSettings, _password: str) -> Step:
    """What waits shows how long this has been going on."""
    directory = Path(settings.spool.directory)
    try:
        depth, lost = read_depth(directory)
    except SpoolError as error:
        if not (directory / "spool.db").exists():
            return Step("spool", True, f"{directory}: nothing there yet")
        advice = f"check the disk and the owner of {directory}; without it readings wait in memory"
        return Step("spool", False, str(error), advice)
    found = f"{depth.count} messages wait, {lost.count} were dropped"
    return Step("spool", True, found)


def check_dns(settings: AgentSettings, _password: str) -> Step:
    """Ask for the broker's addresses; with a proxy, for the proxy's."""
    host, port = _first_hop(settings.broker)
    try:
        answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        advice = f"is {host!r} right ([broker] host)? does this machine have a name server?"
        return Step("DNS", False, f"{host}: {error.strerror or error}", advice)
    addresses = sorted({str(answer[4][0]) for answer in answers})
    return Step("DNS", True, f"{host} is {', '.join(addresses[:4])}")


def check_tcp(settings: AgentSettings, _password: str) -> Step:
    """Open a connection and close it."""
    host, port = _first_hop(settings.broker)
    begun_s = time.monotonic()
    try:
        socket.create_connection((host, port), timeout=_TIMEOUT_S).close()
    except ConnectionRefusedError:
        advice = f"nothing listens there: is the broker running, is {port} its port?"
        return Step("TCP", False, f"{host}:{port} refused", advice)
    except OSError as error:
        advice = 'a firewall or a wrong route; where only 443 is open, use transport = "websockets"'
        return Step("TCP", False, f"{host}:{port}: {clean(str(error))}", advice)
    return Step("TCP", True, f"{host}:{port} in {(time.monotonic() - begun_s) * 1000:.0f} ms")


def check_tls(settings: AgentSettings, _password: str) -> Step:
    """Shake hands as the agent would."""
    broker = settings.broker
    if not broker.tls:
        return Step("TLS", True, "not used: passwords and readings travel in the clear")
    if broker.proxy:
        return Step("TLS", True, "behind the proxy; tried with the next step")
    try:
        context = ssl.create_default_context(cafile=broker.ca_file or None)
        if broker.cert_file:
            context.load_cert_chain(broker.cert_file, broker.key_file or None)
    except OSError as error:
        return Step("TLS", False, clean(str(error)), "check ca_file, cert_file and key_file")
    try:
        with (
            socket.create_connection((broker.host, broker.port), timeout=_TIMEOUT_S) as plain,
            context.wrap_socket(plain, server_hostname=broker.host) as secure,
        ):
            version, certificate = secure.version(), secure.getpeercert() or {}
    except ssl.SSLCertVerificationError as error:
        advice = "give the authority that signed it as ca_file; the name must be [broker] host"
        return Step("TLS", False, clean(error.verify_message), advice)
    except (OSError, ValueError) as error:
        advice = "is this a TLS port (often 8883)? does the broker want a client's certificate?"
        return Step("TLS", False, clean(str(error)), advice)
    return Step("TLS", True, f"{version}, certificate until {certificate.get('notAfter', '?')}")


def check_session(settings: AgentSettings, password: str) -> Step:
    """Log in under another client id, so that a running agent is not thrown off, and publish."""
    fault, reason = publish_once(settings, password, timeout_s=_TIMEOUT_S)
    if fault == "connect":
        return Step(
            "auth", False, reason, "is this an MQTT port, with this transport and protocol?"
        )
    if fault == "auth":
        advice = (
            "username and password are not (or no longer) right: enrol anew, or look at the server"
        )
        return Step("auth", False, reason, advice)
    if fault == "publish":
        advice = (
            "the broker takes the login but no message: is its disk full, may this device publish?"
        )
        return Step("publish", False, reason, advice)
    return Step("auth and publish", True, "accepted and acknowledged")


STEPS: Final[tuple[Callable[[AgentSettings, str], Step], ...]] = (
    check_clock, check_spool, check_dns, check_tcp, check_tls, check_session,
)  # fmt: skip
_INDEPENDENT: Final = (check_clock, check_spool)


def examine(settings: AgentSettings, password: str) -> Iterator[Step]:
    """Go through the steps; after a failed one that others rest on, none is tried."""
    for check in STEPS:
        step = check(settings, password)
        yield step
        if not step.is_well and check not in _INDEPENDENT:
            return


def _first_hop(broker: BrokerSettings) -> tuple[str, int]:
    if not broker.proxy:
        return broker.host, broker.port
    proxy = parse_proxy(broker.proxy)
    return proxy.host, proxy.port

"""The call to the server: token in, credentials out."""

import http.client
import ssl
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import msgspec

from device_agent.errors import EnrolError
from device_agent.wire import valid_device_id
from device_agent.wire.text import clean

_TIMEOUT_S: Final = 15.0
_MAX_ANSWER_BYTES: Final = 100_000


@dataclass(frozen=True, slots=True)
class Credentials:
    """As the server gave them; ``mqtt_url`` is ``mqtt://``, ``mqtts://``, ``ws://`` or ``wss://``."""

    device_id: str
    username: str
    password: str
    mqtt_url: str


class NotYet(Exception):
    """The server does not know the token, or no more, or wants to be asked later."""


_ANSWER: Final = msgspec.json.Decoder(Credentials)


def exchange(server_url: str, token: str, *, ca_file: str = "") -> Credentials:
    """Ask once; raises NotYet where the token opens nothing, EnrolError for everything else."""
    connection, path = _connection(server_url, ca_file)
    body = msgspec.json.encode({"token": token})
    try:
        connection.request("POST", path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        status, data = answer.status, answer.read(_MAX_ANSWER_BYTES)
    except ssl.SSLCertVerificationError as error:
        said = clean(error.verify_message)
        raise EnrolError(f"the server's certificate is not trusted: {said}") from None
    except (OSError, http.client.HTTPException) as error:
        raise EnrolError(f"{server_url} can't be reached: {clean(str(error))}") from None
    finally:
        connection.close()
    if status in {404, 429}:
        raise NotYet(_reason(data) or f"the server answered {status}")
    if status != 200:
        raise EnrolError(f"the server answered {status}: {_reason(data)}")
    try:
        return _sound(_ANSWER.decode(data))
    except msgspec.MsgspecError:
        raise EnrolError("the server's answer makes no sense: is that a Forewarn server?") from None


def _connection(server_url: str, ca_file: str) -> tuple[http.client.HTTPConnection, str]:
    try:
        parts = urlsplit(server_url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise EnrolError(f"the server's address makes no sense: {error}") from None
    if parts.scheme not in {"http", "https"} or not host:
        raise EnrolError("the server must be given as http://… or https://…")
    path = parts.path.rstrip("/") + "/api/v1/enrol"
    if parts.scheme == "http":
        return http.client.HTTPConnection(host, port, timeout=_TIMEOUT_S), path
    try:
        context = ssl.create_default_context(cafile=ca_file or None)
    except OSError as error:
        raise EnrolError(f"{ca_file} can't be used: {error}") from None
    return http.client.HTTPSConnection(host, port, timeout=_TIMEOUT_S, context=context), path


def _sound(got: Credentials) -> Credentials:
    if not valid_device_id(got.device_id) or not got.password:
        raise EnrolError("the server's answer names no device")
    return got


def _reason(data: bytes) -> str:
    try:
        problem = msgspec.json.decode(data)
    except msgspec.DecodeError:
        return ""
    return clean(str(problem.get("detail", ""))) if isinstance(problem, dict) else ""

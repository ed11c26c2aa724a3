"""Credentials into a configuration file that only its owner can read, whole or not at all."""

import json
import os
import tempfile
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from device_agent.enroll.exchange import Credentials
from device_agent.errors import EnrolError

_PORTS: Final = {"mqtt": 1883, "mqtts": 8883, "ws": 80, "wss": 443}


def config_text(got: Credentials, *, ca_file: str, spool_directory: str) -> str:
    """Give a configuration with what the server said; everything else keeps its default."""
    try:
        url = urlsplit(got.mqtt_url)
        host, port = url.hostname, url.port
    except ValueError:
        raise EnrolError("the server names no broker that can be used") from None
    if url.scheme not in _PORTS or not host:
        raise EnrolError("the server names no broker that can be used")
    broker = {"host": host, "port": port or _PORTS[url.scheme], "username": got.username}
    lines = [
        "# Written by `forewarn-agent enroll`. All settings: forewarn-agent check --print-defaults",
        f"device_id = {json.dumps(got.device_id)}",
        "\n[broker]",
        *(f"{key} = {json.dumps(value)}" for key, value in broker.items()),
        f"password = {json.dumps(got.password)}",
    ]
    if url.scheme in {"mqtts", "wss"}:
        lines.append("tls = true")
        lines += [f"ca_file = {json.dumps(ca_file)}"] if ca_file else []
    if url.scheme in {"ws", "wss"}:
        lines.append('transport = "websockets"')
        lines += [f"websocket_path = {json.dumps(url.path)}"] if url.path else []
    if spool_directory:
        lines += ["\n[spool]", f"directory = {json.dumps(spool_directory)}"]
    return "\n".join(lines) + "\n"


def write_config(path: Path, text: str, *, replace: bool = False) -> None:
    """Write with mode 0600; raises EnrolError, also for a file that is there and not to be replaced.

    It belongs to whoever owns its directory, so that root can enrol for the service's user.
    """
    if path.exists() and not replace:
        raise EnrolError(f"{path} is there already; --force replaces it")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            if os.geteuid() == 0:
                owner = path.parent.stat()
                os.chown(name, owner.st_uid, owner.st_gid)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise EnrolError(f"{path} can't be written: {error.strerror}") from None


def check_writable(path: Path, *, replace: bool) -> None:
    """Find out before the token is used up whether the file can be written; raises EnrolError."""
    if path.exists() and not replace:
        raise EnrolError(f"{path} is there already; --force replaces it")
    directory = path.parent
    while not directory.exists():
        directory = directory.parent
    if not os.access(directory, os.W_OK):
        raise EnrolError(f"{path} can't be written: no right to write in {directory}")

"""Mosquitto told who may connect and what he may reach: its password file and its access list.

Written from the records, whole and at once, so that a copy is never half an old one. Mosquitto reads
them again at SIGHUP, and shows out who no longer holds a right password.
"""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy.orm import Session

from server.broker.address import parse_address
from server.broker.auth_callout import UP_LEAVES
from server.device import repository
from server.device.events import (
    DeviceAdded,
    DeviceRevoked,
    DeviceSecretRotated,
    DeviceTopicsChanged,
)
from server.kit.errors import ConfigurationError
from server.kit.settings import Settings

PASSWORDS: Final = "forewarn.passwd"
ACCESS: Final = "forewarn.acl"
CONFIG: Final = "forewarn.conf"
_ITERATIONS: Final = 101
_SALT_BYTES: Final = 12


@dataclass(frozen=True, slots=True)
class Entry:
    """A device as Mosquitto is to know it; no hash: from before hashes were kept for it."""

    device_id: str
    mosquitto_hash: str
    topics: tuple[str, ...] = ()


def mosquitto_hash(password: str) -> str:
    """As `mosquitto_passwd` of Mosquitto 2 writes it: PBKDF2 with SHA-512."""
    salt = secrets.token_bytes(_SALT_BYTES)
    key = hashlib.pbkdf2_hmac("sha512", password.encode("utf-8", "replace"), salt, _ITERATIONS)
    encoded = (base64.b64encode(part).decode() for part in (salt, key))
    return f"$7${_ITERATIONS}${'$'.join(encoded)}"


def password_file(entries: Iterable[Entry], server: str, server_hash: str) -> str:
    lines = [f"{server}:{server_hash}"]
    lines += [f"{e.device_id}:{e.mosquitto_hash}" for e in entries if e.mosquitto_hash]
    return "\n".join(lines) + "\n"


def access_file(entries: Iterable[Entry], server: str) -> str:
    """Everything for the server; for each device its own topics, and what it was given besides."""
    return "\n".join(_access_lines(entries, server)) + "\n"


def _access_lines(entries: Iterable[Entry], server: str) -> Iterator[str]:
    yield "# Written by Forewarn; changes are overwritten."
    yield from (f"user {server}", "topic readwrite #", "")
    for entry in entries:
        if entry.topics:
            yield f"user {entry.device_id}"
            yield from (f"topic readwrite {topic_filter}" for topic_filter in entry.topics)
            yield ""
    yield from (f"pattern write devices/%u/{leaf}" for leaf in UP_LEAVES)
    yield "pattern read devices/%u/commands"


def config_file(directory: Path) -> str:
    """What belongs into Mosquitto's own configuration, with the reason of each line."""
    return f"""# For Mosquitto 2: `include_dir`, or copy these lines. Written by Forewarn.
allow_anonymous false
password_file {directory / PASSWORDS}
acl_file {directory / ACCESS}
# Messages wait for Forewarn however many they are; Mosquitto drops what is above a limit, acknowledged or not.
max_queued_messages 0
max_inflight_messages 0
# Sessions and what waits in them survive a restart. Mosquitto writes its memory to disk so often; what it
# acknowledged since is lost when it is killed.
persistence true
autosave_interval 10
"""


def mosquitto_files(settings: Settings) -> MosquittoFiles | None:
    """As `mosquitto_dir` and `mqtt_url` say; None where nobody asked for it.

    Raises ConfigurationError where `mqtt_url` has no user and password to let us in with.
    """
    if settings.mosquitto_dir is None:
        return None
    address = parse_address(settings.mqtt_url or "mqtt://127.0.0.1")
    if not address.username or not address.password:
        raise ConfigurationError(
            "mosquitto_dir needs an mqtt_url with user and password, mqtt://forewarn:…@host, "
            "since those are written for Mosquitto: forewarn setup mosquitto makes one up"
        )
    return MosquittoFiles(settings.mosquitto_dir, address.username, address.password)


class MosquittoFiles:
    """Keeps the two files in `directory` as the records say."""

    def __init__(self, directory: Path, server: str, server_password: str) -> None:
        self._directory = directory
        self._server = server
        self._server_password = server_password
        self._renewed: list[Entry] = []

    def write(self, session: Session) -> int:
        """Raises OSError. How many devices can't connect until they get a new secret."""
        entries = _entries(session)
        server_hash = mosquitto_hash(self._server_password)
        _replace(self._directory / PASSWORDS, password_file(entries, self._server, server_hash))
        _replace(self._directory / ACCESS, access_file(entries, self._server))
        return sum(not entry.mosquitto_hash for entry in entries)

    def renew(
        self,
        session: Session,
        _event: DeviceAdded | DeviceRevoked | DeviceSecretRotated | DeviceTopicsChanged,
    ) -> None:
        """A reaction: fails, and is tried again, where the files can't be written."""
        entries = _entries(session)
        if entries != self._renewed:  # of many devices at once the first event writes all
            self.write(session)
            self._renewed = entries


def _entries(session: Session) -> list[Entry]:
    return [Entry(*row) for row in repository.mosquitto_entries(session)]


def _replace(file: Path, text: str) -> None:
    """Readable for the file's group: Mosquitto's, where the directory is set up so."""
    fresh = file.with_name(f".{file.name}.new")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o640), "w") as written:
        written.write(text)
        written.flush()
        os.fsync(written.fileno())
    if file.exists():
        kept = file.stat()
        fresh.chmod(kept.st_mode & 0o777)
        if os.geteuid() == 0:
            os.chown(fresh, kept.st_uid, kept.st_gid)
    fresh.rename(file)

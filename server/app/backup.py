"""A copy of all state of one moment, taken while the server runs or while none does.

Between two batches, with the pipeline's memory just saved, records and telemetry are frozen: both as
transactions that go on seeing that moment. Then the pipeline works again, and they are copied at leisure.
What devices had sent and the pipeline had not seen yet is written down as messages (`waiting`); a server
that starts on the copy works them off first. The broker's own files are not needed then: devices
connect again, and their streams begin anew.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from server.kit.data_directory import DataDirectory
from server.kit.database import Database
from server.kit.errors import BadInput, ForewarnError
from server.kit.files import sha256_of
from server.migrations.upgrading import revision_of
from server.telemetry.store import Frozen, TelemetryStore

MANIFEST: Final = "backup.json"
FORMAT: Final = 1
_OF_THE_RUN: Final = ("server.lock", "server.json", "control.sock", ".writable")
"""What lies in a data directory and belongs to one run of the server."""

Tell = Callable[[float], None]
"""Hears the share done, 0..1."""


class BackupFailed(ForewarnError):
    title = "No backup"


class FrozenRecords:
    """SQLite records as they are now; `file` is where they go."""

    def __init__(self, source: Path, file: Path) -> None:
        self._file = file
        self._connection = sqlite3.connect(source, isolation_level=None, check_same_thread=False)
        self._connection.execute("BEGIN")
        self._connection.execute("SELECT count(*) FROM sqlite_master").fetchone()

    def copy(self, tell: Tell) -> None:
        def progress(_status: int, remaining: int, total: int) -> None:
            tell(1 - remaining / max(1, total))

        with contextlib.closing(sqlite3.connect(self._file)) as target:
            self._connection.backup(target, pages=2000, progress=progress)

    def close(self) -> None:
        self._connection.close()


@dataclass(frozen=True, slots=True)
class Target:
    """A backup being made: all of it appears at once, when it is whole."""

    final: Path

    @property
    def partial(self) -> Path:
        return self.final.with_name(self.final.name + ".partial")


def begin(destination: Path) -> Target:
    """Room for a backup. Raises BadInput for a place that is taken, BackupFailed for one not writable."""
    if destination.exists() and (not destination.is_dir() or any(destination.iterdir())):
        raise BadInput("DEST", f"{destination} exists and is not empty")
    target = Target(destination)
    try:
        shutil.rmtree(target.partial, ignore_errors=True)
        target.partial.mkdir(parents=True, mode=0o700)
    except OSError as error:
        raise failed(target, error) from error
    return target


def failed(target: Target, error: OSError) -> BackupFailed:
    return BackupFailed(f"{target.final}: {error.strerror or error}")


def abandon(target: Target) -> None:
    """What is left of a backup that was not finished goes away."""
    shutil.rmtree(target.partial, ignore_errors=True)


def freeze(data: DataDirectory, store: TelemetryStore, target: Target) -> list[Frozen]:
    """Records and telemetry of this moment. Those on servers are not ours to copy, and left out."""
    frozen: list[Frozen] = []
    if data.records_file.exists():
        frozen.append(FrozenRecords(data.records_file, target.partial / data.records_file.name))
    telemetry = store.freeze(target.partial / data.telemetry_file.name)
    if telemetry is not None:
        frozen.append(telemetry)
    return frozen


def copy_all(
    data: DataDirectory,
    target: Target,
    frozen: list[Frozen],
    tell: Tell,
    *,
    with_broker: bool = False,
) -> None:
    """The frozen parts, then every other file of the data directory, then what they are."""
    for number, part in enumerate(frozen):

        def share(done: float, number: int = number) -> None:
            tell(0.9 * (number + done) / len(frozen))

        part.copy(share)
    for file in other_files(data, with_broker=with_broker):
        copied = target.partial / file.relative_to(data.root)
        copied.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):  # gone since it was listed
            shutil.copy2(file, copied)
    tell(0.95)


def other_files(data: DataDirectory, *, with_broker: bool = False) -> Iterator[Path]:
    """Settings, keys, rules, pictures: everything that is neither a database nor of one run."""
    databases = (data.records_file.name, data.telemetry_file.name)
    for file in sorted(data.root.rglob("*")):
        top = file.relative_to(data.root).parts[0]
        if not file.is_file() or top in _OF_THE_RUN or top.startswith(databases):
            continue
        if top in {MANIFEST, "telemetry.duckdb.tmp"} or (
            top == data.broker_dir.name and not with_broker
        ):
            continue
        yield file


def finish(target: Target, records: Database, *, now: datetime, live: bool) -> dict[str, Any]:
    """Say what the backup is, bring it to disk, give it its name; returns what to tell."""
    files = {
        file.relative_to(target.partial).as_posix(): {
            "bytes": file.stat().st_size,
            "sha256": sha256_of(file),
        }
        for file in sorted(target.partial.rglob("*"))
        if file.is_file()
    }
    manifest = {
        "format": FORMAT,
        "forewarn": version("forewarn"),
        "records_revision": revision_of(records),
        "taken_at": now.isoformat(timespec="seconds"),
        "taken_while_running": live,
        "files": files,
    }
    (target.partial / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n")
    for file in target.partial.rglob("*"):
        _to_disk(file)
    if target.final.exists():
        target.final.rmdir()
    target.partial.rename(target.final)
    _to_disk(target.final.parent)
    return {
        "backup": str(target.final),
        "files": len(files),
        "bytes": sum(file.stat().st_size for file in target.final.rglob("*") if file.is_file()),
        "has": [name for name in ("records.sqlite3", "telemetry.duckdb") if name in files],
    }


def _to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

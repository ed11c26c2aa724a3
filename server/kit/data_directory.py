"""The data directory: one place for all state, one running server in it, never one from the future."""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from server.kit.errors import DataDirectoryError

LAYOUT_VERSION = 1
"""Raised when files move or change meaning; a directory of a higher version is refused."""


class DataDirectory:
    """Paths of the state files; `prepare` makes and checks them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.records_file = root / "records.sqlite3"
        self.telemetry_file = root / "telemetry.duckdb"
        self.broker_dir = root / "broker"
        self._version_file = root / "version.json"
        self._lock_file = root / "server.lock"

    def prepare(self) -> None:
        """Create what is missing. Raises DataDirectoryError: not writable, or from a newer version."""
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            probe = self.root / ".writable"
            probe.write_bytes(b"")
            probe.unlink()
        except OSError as error:
            raise DataDirectoryError(
                f"the data directory {self.root} can't be written: {error.strerror}; "
                "choose another with --data-dir or change its owner"
            ) from error
        version = self._version()
        if version > LAYOUT_VERSION:
            raise DataDirectoryError(
                f"the data directory {self.root} was written by a newer Forewarn (layout {version}, "
                f"this one knows {LAYOUT_VERSION}); upgrade, or restore a backup of before"
            )
        if not self._version_file.exists():
            self._version_file.write_text(json.dumps({"layout": LAYOUT_VERSION}) + "\n")

    def _version(self) -> int:
        try:
            layout = json.loads(self._version_file.read_text())["layout"]
        except FileNotFoundError:
            return LAYOUT_VERSION
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataDirectoryError(
                f"{self._version_file} is damaged; it should read {{'layout': {LAYOUT_VERSION}}}"
            ) from error
        if not isinstance(layout, int):
            raise DataDirectoryError(f"{self._version_file} is damaged: layout is not a number")
        return layout

    def lock(self) -> InstanceLock:
        """Exclusive use of this directory by a server; raises DataDirectoryError when in use."""
        return InstanceLock(self._lock_file)


class InstanceLock:
    """Held for as long as the server runs; the kernel lets go of it when the process dies."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._descriptor = -1

    def __enter__(self) -> Self:
        descriptor = os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(descriptor)
            raise DataDirectoryError(
                f"another Forewarn server (process {holder}) runs on {self._file.parent}; "
                "stop it, or give this one its own --data-dir"
            ) from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._descriptor = descriptor
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._descriptor)

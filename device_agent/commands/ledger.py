"""Remembers which commands were begun and how they ended, so that each id runs once, ever.

An id is kept at least until its command has expired: what is forgotten after that can't run again.
"""

import sqlite3
from pathlib import Path
from typing import Final

from device_agent.errors import SpoolError

# Beyond these the oldest go, if they have expired; beyond those nothing new is begun.
_KEPT: Final = 1000
_MOST: Final = 10_000


class CommandLedger:
    """A small table on disk; ``None`` as path: in memory. Used by one thread at a time."""

    def __init__(self, path: Path | None) -> None:
        try:
            self._db = sqlite3.connect(
                path or ":memory:", isolation_level=None, timeout=5, check_same_thread=False
            )
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.execute(
                "CREATE TABLE IF NOT EXISTS begun"
                " (id TEXT PRIMARY KEY, begun_s REAL, expires_s REAL, result BLOB)"
            )
        except sqlite3.Error as error:
            raise SpoolError(f"{path} can't be used: {error}") from None

    def was_begun(self, command_id: str) -> bool:
        """Tell whether this id has been seen; raises SpoolError when that can't be known."""
        return self._row(command_id) is not None

    def result(self, command_id: str) -> bytes | None:
        """Give the result as it was sent; None if the agent died while the command ran."""
        row = self._row(command_id)
        return bytes(row[0]) if row and row[0] is not None else None

    def begin(self, command_id: str, at_s: float, expires_s: float) -> None:
        """Note the id before anything is done; raises SpoolError when that is impossible."""
        try:
            self._db.execute(
                "DELETE FROM begun WHERE expires_s < ?"
                " AND rowid <= (SELECT max(rowid) FROM begun) - ?",
                (at_s, _KEPT),
            )
            (count,) = self._db.execute("SELECT count(*) FROM begun").fetchone()
            if count >= _MOST:
                raise SpoolError(f"{count} commands are remembered that have not expired")
            self._db.execute(
                "INSERT INTO begun (id, begun_s, expires_s) VALUES (?, ?, ?)",
                (command_id, at_s, expires_s),
            )
        except sqlite3.Error as error:
            raise SpoolError(f"commands can't be noted: {error}") from None

    def finish(self, command_id: str, result: bytes) -> None:
        """Note how it ended; raises SpoolError when that is impossible."""
        try:
            self._db.execute("UPDATE begun SET result = ? WHERE id = ?", (result, command_id))
        except sqlite3.Error as error:
            raise SpoolError(f"commands can't be noted: {error}") from None

    def close(self) -> None:
        """Free the file."""
        self._db.close()

    def _row(self, command_id: str) -> tuple[bytes | None] | None:
        try:
            found: tuple[bytes | None] | None = self._db.execute(
                "SELECT result FROM begun WHERE id = ?", (command_id,)
            ).fetchone()
        except sqlite3.Error as error:
            raise SpoolError(f"commands can't be looked up: {error}") from None
        return found

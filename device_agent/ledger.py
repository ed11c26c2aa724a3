"""Remembers which commands were begun and how they ended, so that each id runs once, ever."""

import sqlite3
from pathlib import Path
from typing import Final

from device_agent.errors import SpoolError

_KEPT: Final = 1000


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
                "CREATE TABLE IF NOT EXISTS commands (id TEXT PRIMARY KEY, begun_s REAL, result BLOB)"
            )
        except sqlite3.Error as error:
            raise SpoolError(f"{path} can't be used: {error}") from None

    def was_begun(self, command_id: str) -> bool:
        """Tell whether this id has been seen."""
        row = self._db.execute("SELECT 1 FROM commands WHERE id = ?", (command_id,)).fetchone()
        return row is not None

    def result(self, command_id: str) -> bytes | None:
        """Give the result as it was sent; None if the agent died while the command ran."""
        row = self._db.execute("SELECT result FROM commands WHERE id = ?", (command_id,)).fetchone()
        return bytes(row[0]) if row and row[0] is not None else None

    def begin(self, command_id: str, at_s: float) -> None:
        """Note the id before anything is done; raises SpoolError when that is impossible."""
        try:
            self._db.execute("INSERT INTO commands (id, begun_s) VALUES (?, ?)", (command_id, at_s))
            self._db.execute(
                "DELETE FROM commands WHERE rowid <= (SELECT max(rowid) FROM commands) - ?",
                (_KEPT,),
            )
        except sqlite3.Error as error:
            raise SpoolError(f"commands can't be noted: {error}") from None

    def finish(self, command_id: str, result: bytes) -> None:
        """Note how it ended; raises SpoolError when that is impossible."""
        try:
            self._db.execute("UPDATE commands SET result = ? WHERE id = ?", (result, command_id))
        except sqlite3.Error as error:
            raise SpoolError(f"commands can't be noted: {error}") from None

    def close(self) -> None:
        """Free the file."""
        self._db.close()

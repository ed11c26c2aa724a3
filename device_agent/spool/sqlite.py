"""The spool on disk: SQLite in WAL mode with ``synchronous=FULL``, so that a commit is on the disk.

One file, one writer: a lock file keeps a second agent out. A file that is no database any more (a
dying SD card) is set aside under another name and a new one is begun, rather than never again
starting.
"""

import fcntl
import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Final

from device_agent.errors import SpoolError
from device_agent.spool.port import ENTRY_OVERHEAD_BYTES, Depth, Dropped, Entry

_VERSION: Final = 1
# AUTOINCREMENT: an id is never given twice, even after its entry is gone.
_SCHEMA: Final = """
CREATE TABLE entries (
    id INTEGER PRIMARY KEY AUTOINCREMENT, leaf TEXT NOT NULL, put_s REAL NOT NULL, payload BLOB NOT NULL
);
CREATE TABLE totals (
    size_bytes INTEGER NOT NULL, dropped INTEGER NOT NULL, dropped_bytes INTEGER NOT NULL,
    dropped_oldest_s REAL NOT NULL, dropped_newest_s REAL NOT NULL
);
INSERT INTO totals VALUES (0, 0, 0, 0, 0);
"""


class SqliteSpool:
    """The spool in ``directory/spool.db``; raises SpoolError when it can't be had."""

    def __init__(self, directory: Path, quota_bytes: int) -> None:
        self._quota_bytes = quota_bytes
        self._mutex = Lock()
        self.set_aside: Path | None = None
        try:
            directory.mkdir(parents=True, exist_ok=True)
            self._lock_file = os.open(directory / "spool.lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise SpoolError(f"{directory} can't be used: {error}") from None
        try:
            self._take_lock(directory)
            self._db = self._open(directory / "spool.db")
        except BaseException:
            os.close(self._lock_file)
            raise

    def put(self, leaf: str, payload: bytes, put_s: float) -> int:
        """Keep a message; see the port."""
        with self._transaction() as db:
            row = db.execute(
                "INSERT INTO entries (leaf, put_s, payload) VALUES (?, ?, ?) RETURNING id",
                (leaf, put_s, payload),
            ).fetchone()
            entry_id = int(row[0])
            self._resize(db, len(payload) + ENTRY_OVERHEAD_BYTES)
            self._drop_oldest(db, keep_id=entry_id)
            return entry_id

    def after(self, entry_id: int, limit: int) -> list[Entry]:
        """Give entries in order; see the port."""
        with self._transaction() as db:
            rows = db.execute(
                "SELECT id, leaf, put_s, payload FROM entries WHERE id > ? ORDER BY id LIMIT ?",
                (entry_id, limit),
            )
            return [Entry(*row) for row in rows]

    def delete(self, entry_ids: Iterable[int]) -> None:
        """Let entries go; see the port."""
        with self._transaction() as db:
            for entry_id in entry_ids:
                self._remove(db, entry_id)

    def depth(self) -> Depth:
        """Say how much waits; see the port."""
        with self._transaction() as db:
            count, oldest_s = db.execute(
                "SELECT count(*), (SELECT put_s FROM entries ORDER BY id LIMIT 1) FROM entries"
            ).fetchone()
            return Depth(count, self._size_bytes(db), oldest_s)

    def dropped(self) -> Dropped:
        """Say what was lost; see the port."""
        with self._transaction() as db:
            return _dropped(db)

    def forget_dropped(self) -> None:
        """Take the loss as reported; see the port."""
        with self._transaction() as db:
            _set_dropped(db, Dropped())

    def close(self) -> None:
        """Close the file and let another agent have it."""
        with self._mutex:
            self._db.close()
            os.close(self._lock_file)

    def _take_lock(self, directory: Path) -> None:
        try:
            fcntl.flock(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise SpoolError(f"{directory} is in use by another agent") from None

    def _open(self, path: Path) -> sqlite3.Connection:
        try:
            return _connect(path)
        except sqlite3.DatabaseError as error:
            # OperationalError: the disk or its rights; the file itself may be sound.
            if isinstance(error, sqlite3.OperationalError):
                raise SpoolError(f"{path} can't be opened: {error}") from None
        self.set_aside = _unused_name(path)
        path.rename(self.set_aside)
        for leftover in (f"{path}-wal", f"{path}-shm"):
            Path(leftover).unlink(missing_ok=True)
        return _connect(path)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._mutex:
            try:
                self._db.execute("BEGIN IMMEDIATE")
                try:
                    yield self._db
                except BaseException:
                    self._db.execute("ROLLBACK")
                    raise
                self._db.execute("COMMIT")
            except sqlite3.Error as error:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise SpoolError(f"the spool does not answer: {error}") from error

    def _drop_oldest(self, db: sqlite3.Connection, keep_id: int) -> None:
        excess_bytes = self._size_bytes(db) - self._quota_bytes
        if excess_bytes <= 0:
            return
        lost = _dropped(db)
        oldest_first = db.execute(
            "SELECT id, leaf, put_s, payload FROM entries WHERE id < ? ORDER BY id", (keep_id,)
        )
        gone: list[Entry] = []
        for row in oldest_first:
            if excess_bytes <= 0:
                break
            gone.append(Entry(*row))
            excess_bytes -= len(gone[-1].payload) + ENTRY_OVERHEAD_BYTES
        for entry in gone:
            lost = lost.plus(entry)
            self._remove(db, entry.id)
        _set_dropped(db, lost)

    def _remove(self, db: sqlite3.Connection, entry_id: int) -> None:
        row = db.execute(
            "DELETE FROM entries WHERE id = ? RETURNING length(payload)", (entry_id,)
        ).fetchone()
        if row is not None:
            self._resize(db, -(row[0] + ENTRY_OVERHEAD_BYTES))

    @staticmethod
    def _resize(db: sqlite3.Connection, by_bytes: int) -> None:
        db.execute("UPDATE totals SET size_bytes = size_bytes + ?", (by_bytes,))

    @staticmethod
    def _size_bytes(db: sqlite3.Connection) -> int:
        return int(db.execute("SELECT size_bytes FROM totals").fetchone()[0])


def read_depth(directory: Path) -> tuple[Depth, Dropped]:
    """Look into a spool that may be in use, changing nothing; raises SpoolError."""
    path = directory / "spool.db"
    if not path.exists():
        raise SpoolError(f"there is no spool in {directory}")
    try:
        db = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)
        try:
            count, oldest_s = db.execute(
                "SELECT count(*), (SELECT put_s FROM entries ORDER BY id LIMIT 1) FROM entries"
            ).fetchone()
            size_bytes = db.execute("SELECT size_bytes FROM totals").fetchone()[0]
            return Depth(count, size_bytes, oldest_s), _dropped(db)
        finally:
            db.close()
    except sqlite3.Error as error:
        raise SpoolError(f"{path} can't be read: {error}") from None


def _connect(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5)
    try:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        _bring_up(db, path)
        db.execute("SELECT size_bytes FROM totals").fetchone()
    except BaseException:
        db.close()
        raise
    return db


def _bring_up(db: sqlite3.Connection, path: Path) -> None:
    """Make the tables in a new file; refuse one that a newer agent wrote."""
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version > _VERSION:
        raise SpoolError(f"{path} was written by a newer version of the agent")
    if version < _VERSION:
        db.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version={_VERSION}; COMMIT;")


def _dropped(db: sqlite3.Connection) -> Dropped:
    return Dropped(
        *db.execute(
            "SELECT dropped, dropped_bytes, dropped_oldest_s, dropped_newest_s FROM totals"
        ).fetchone()
    )


def _set_dropped(db: sqlite3.Connection, lost: Dropped) -> None:
    db.execute(
        "UPDATE totals SET dropped=?, dropped_bytes=?, dropped_oldest_s=?, dropped_newest_s=?",
        (lost.count, lost.size_bytes, lost.oldest_s, lost.newest_s),
    )


def _unused_name(path: Path) -> Path:
    number = 1
    while (aside := path.with_name(f"spool.broken-{number}.db")).exists():
        number += 1
    return aside

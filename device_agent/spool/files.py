"""The spool's files: opened, brought up to this version, set aside when damaged, looked into.

``spool.db`` is on the disk, in WAL mode with ``synchronous=FULL``: a commit is on the disk. ``young``
is a second database attached to the same connection: in memory, or better in a file on a RAM disk,
which outlives the process though not the power.
"""

import fcntl
import os
import sqlite3
from pathlib import Path
from typing import Final

from device_agent.errors import SpoolError
from device_agent.spool.port import Depth, Dropped

_VERSION: Final = 2
_PAGE_BYTES: Final = 1024
_WAL_BYTES: Final = 4_194_304
# Negative: KiB, as SQLite has it. It would take two megabytes for each file, and is read through once.
_CACHE_KIB: Final = -256
# AUTOINCREMENT: an id is never given twice, even after its entry is gone.
_ENTRIES: Final = """
    id INTEGER PRIMARY KEY AUTOINCREMENT, leaf TEXT NOT NULL, put_s REAL NOT NULL, payload BLOB NOT NULL
"""
_SCHEMA: Final = """
CREATE TABLE entries (%s);
CREATE TABLE totals (
    size_bytes INTEGER NOT NULL, dropped INTEGER NOT NULL, dropped_bytes INTEGER NOT NULL,
    dropped_oldest_s REAL NOT NULL, dropped_newest_s REAL NOT NULL
);
INSERT INTO totals VALUES (0, 0, 0, 0, 0);
"""
_SINCE_1: Final = "ALTER TABLE totals ADD COLUMN dropped_thinned INTEGER NOT NULL DEFAULT 0;"
_SINCE_2: Final = "CREATE INDEX urgent ON entries (id) WHERE leaf <> 'telemetry';"


def lock(directory: Path) -> int:
    """Keep other agents out of a directory, made if missing; gives the descriptor to close."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        lock_file = os.open(directory / "spool.lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise SpoolError(f"{directory} can't be used: {error}") from None
    try:
        fcntl.flock(lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock_file)
        raise SpoolError(f"{directory} is in use by another agent", is_final=True) from None
    return lock_file


def open_database(
    path: Path, young: Path | None, *, is_damaged: bool = False
) -> tuple[sqlite3.Connection, str]:
    """Open the spool, and say where a damaged file went (empty: it was sound).

    ``is_damaged``: that is known already, though it may open: what is damaged can lie in its middle.
    """
    try:
        if not is_damaged:
            return _connect(path, young), ""
    except sqlite3.DatabaseError as error:
        # OperationalError: the disk or its rights; the file itself may be sound.
        if isinstance(error, sqlite3.OperationalError):
            raise SpoolError(f"{path} can't be opened: {error}") from None
    aside = _unused_name(path)
    try:
        path.rename(aside)
        for leftover in (f"{path}-wal", f"{path}-shm"):
            Path(leftover).unlink(missing_ok=True)
        return _connect(path, young), str(aside)
    except (OSError, sqlite3.Error) as error:
        raise SpoolError(f"{path} is damaged and can't be set aside: {error}") from None


def read_depth(directory: Path) -> tuple[Depth, Dropped]:
    """Look into a spool that may be in use, changing nothing; raises SpoolError.

    What is still in memory only is not seen.
    """
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
            return Depth(count, size_bytes, oldest_s), read_dropped(db)
        finally:
            db.close()
    except sqlite3.Error as error:
        raise SpoolError(f"{path} can't be read: {error}") from None


def read_dropped(db: sqlite3.Connection) -> Dropped:
    """Give the loss that nobody has reported yet."""
    return Dropped(
        *db.execute(
            "SELECT dropped, dropped_bytes, dropped_oldest_s, dropped_newest_s, dropped_thinned"
            " FROM main.totals"
        ).fetchone()
    )


def write_dropped(db: sqlite3.Connection, lost: Dropped) -> None:
    """Note the loss."""
    db.execute(
        "UPDATE main.totals SET dropped=?, dropped_bytes=?, dropped_oldest_s=?, dropped_newest_s=?,"
        " dropped_thinned=?",
        (lost.count, lost.size_bytes, lost.oldest_s, lost.newest_s, lost.thinned),
    )


def _connect(path: Path, young: Path | None) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5)
    try:
        # Heeded by a new file only. A commit writes whole pages: small ones halve what the card takes.
        db.execute(f"PRAGMA page_size={_PAGE_BYTES}")
        db.execute("PRAGMA journal_mode=WAL")
        db.execute(f"PRAGMA wal_autocheckpoint={_WAL_BYTES // _PAGE_BYTES}")
        db.execute("PRAGMA synchronous=FULL")
        db.execute(f"PRAGMA cache_size={_CACHE_KIB}")
        _bring_up(db, path)
        db.execute("SELECT size_bytes FROM totals").fetchone()
        _attach(db, young)
    except BaseException:
        db.close()
        raise
    return db


def _bring_up(db: sqlite3.Connection, path: Path) -> None:
    """Make the tables in a new file; refuse one that a newer agent wrote."""
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version > _VERSION:
        raise SpoolError(f"{path} was written by a newer version of the agent", is_final=True)
    if version < _VERSION:
        steps = (_SCHEMA % _ENTRIES if version == 0 else "") + _SINCE_1 + _SINCE_2
        db.executescript(f"BEGIN; {steps} PRAGMA user_version={_VERSION}; COMMIT;")


def _attach(db: sqlite3.Connection, young: Path | None) -> None:
    """Attach the young entries; those that were moved just before a death are known by their ids."""
    try:
        _attach_file(db, str(young) if young else ":memory:")
    except sqlite3.Error:
        if young is None:
            raise
        # It is a RAM disk and the agent's own: what is damaged there is not worth a failed start.
        db.execute("DETACH young")
        young.unlink(missing_ok=True)
        _attach_file(db, str(young))
    db.execute(
        "DELETE FROM young.entries WHERE id <="
        " (SELECT coalesce(max(seq), 0) FROM main.sqlite_sequence WHERE name = 'entries')"
    )


def _attach_file(db: sqlite3.Connection, name: str) -> None:
    db.execute("ATTACH ? AS young", (name,))
    db.execute("PRAGMA young.journal_mode=TRUNCATE")
    db.execute("PRAGMA young.synchronous=OFF")
    db.execute(f"PRAGMA young.cache_size={_CACHE_KIB}")
    db.execute(f"CREATE TABLE IF NOT EXISTS young.entries ({_ENTRIES})")


def _unused_name(path: Path) -> Path:
    number = 1
    while (aside := path.with_name(f"spool.broken-{number}.db")).exists():
        number += 1
    return aside

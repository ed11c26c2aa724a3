"""The spool on disk: young entries in RAM, older ones in SQLite.

A message that the broker acknowledges within seconds never touches the disk: that spares the SD card.
``flush_s`` says how long an entry may be young, which is what a power cut may cost; with 0 it is on the
disk when ``put`` returns. Young entries are moved all at once, in one commit. While the disk refuses
(full, read-only), they stay young, up to a limit, and are sent from there.

One writer: a lock file keeps a second agent out. A file that is no database any more (a dying SD card)
is set aside under another name and a new one is begun, at the start or in the middle of work.
"""

import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Final

from device_agent.errors import SpoolError
from device_agent.spool import tables
from device_agent.spool.files import lock, open_database, read_dropped, write_dropped
from device_agent.spool.port import ENTRY_OVERHEAD_BYTES, Depth, Dropped, Entry, Lane
from device_agent.spool.retention import to_free_bytes

_YOUNG_BYTES: Final = 4_000_000
# A disk that refused is not asked again at once.
_RETRY_S: Final = 5.0


class SqliteSpool:
    """The spool in ``directory/spool.db``; raises SpoolError when it can't be had.

    ``young_directory`` is a RAM disk, where what is not yet on the disk outlives this process.
    """

    def __init__(
        self,
        directory: Path,
        quota_bytes: int,
        *,
        flush_s: float = 0.0,
        young_directory: Path | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._quota_bytes = quota_bytes
        self._flush_s = flush_s
        self._monotonic = monotonic
        self._mutex = Lock()
        self._path = directory / "spool.db"
        self._young_path = young_directory / "young.db" if young_directory else None
        self._lock_file = lock(directory)
        self._last_id = self._newest_on_disk = self._disk_bytes = self._young_bytes = 0
        try:
            self._db, self._broken_file = open_database(self._path, self._young_path)
            self._learn()
        except BaseException:
            os.close(self._lock_file)
            raise
        self._young_since_s = monotonic()
        self._refused_until_s = 0.0
        self._refusal = ""

    def put(self, leaf: str, payload: bytes, put_s: float) -> int:
        """Keep a message; see the port. Raises SpoolError once too much is young."""
        cost = len(payload) + ENTRY_OVERHEAD_BYTES
        with self._mutex:
            if self._young_bytes and self._young_bytes + cost > _YOUNG_BYTES:
                self._move()
            entry = Entry(self._last_id + 1, leaf, put_s, payload)
            free_bytes = to_free_bytes(
                self._disk_bytes + self._young_bytes + cost, self._quota_bytes
            )
            with self._transaction() as db:
                tables.insert_young(db, entry)
                if free_bytes:
                    tables.make_room(db, free_bytes, newest_s=put_s, keep_id=entry.id)
            if not self._young_bytes:
                self._young_since_s = self._monotonic()
            self._last_id = entry.id
            self._young_bytes += cost
            if free_bytes:
                self._learn()
            if self._is_due():
                try:
                    self._move()
                except SpoolError:
                    return entry.id  # kept all the same; ``settle`` tells of the disk
            return entry.id

    def after(self, entry_id: int, limit: int, lane: Lane = "all") -> list[Entry]:
        """Give entries in order; see the port."""
        with self._mutex, self._reading() as db:
            return tables.select_after(db, entry_id, limit, lane)

    def delete(self, entry_ids: Iterable[int]) -> None:
        """Let entries go; see the port."""
        ids = list(entry_ids)
        with self._mutex:
            border = self._newest_on_disk
            # Nothing is written to the disk for an entry that never was there.
            with self._transaction() as db:
                old_bytes = tables.remove(db, "main", [n for n in ids if n <= border])
                young_bytes = tables.remove(db, "young", [n for n in ids if n > border])
            self._disk_bytes -= old_bytes
            self._young_bytes -= young_bytes

    def newest_id(self) -> int:
        """Give the last id; see the port."""
        return self._last_id

    def count(self, lane: Lane = "all") -> int:
        """Say how many wait; see the port."""
        with self._mutex, self._reading() as db:
            return tables.select_count(db, lane)

    def depth(self) -> Depth:
        """Say how much waits; see the port."""
        with self._mutex, self._reading() as db:
            first = tables.select_after(db, 0, 1, "all")
            count = tables.select_count(db, "all")
        size_bytes = self._disk_bytes + self._young_bytes
        return Depth(count, size_bytes, first[0].put_s if first else None)

    def expire(self, now_s: float, keep_days: float) -> None:
        """Drop what is too old; see the port."""
        with self._mutex:
            with self._transaction() as db:
                tables.drop_older(db, now_s - keep_days * 86_400.0)
            self._learn()

    def settle(self) -> None:
        """Move what was young for long enough to the disk; see the port."""
        with self._mutex:
            if self._young_bytes and self._is_due():
                self._move()

    def broken_file(self) -> str:
        """Say, once, where a damaged file went; see the port."""
        told, self._broken_file = self._broken_file, ""
        return told

    def dropped(self) -> Dropped:
        """Say what was lost; see the port."""
        with self._mutex, self._reading() as db:
            return read_dropped(db)

    def forget_dropped(self) -> None:
        """Take the loss as reported; see the port."""
        with self._mutex, self._transaction() as db:
            write_dropped(db, Dropped())

    def close(self) -> None:
        """Bring what is young to the disk, close the file and let another agent have it."""
        with self._mutex:
            self._refused_until_s = 0.0
            try:
                if self._young_bytes:
                    self._move()
            except SpoolError:
                # On a RAM disk it waits for the next run; in memory there is nobody left to ask.
                pass
            finally:
                self._db.close()
                os.close(self._lock_file)

    def _is_due(self) -> bool:
        return self._monotonic() - self._young_since_s >= self._flush_s

    def _move(self) -> None:
        """Copy all young entries to the disk, then let them go: a death in between is noticed."""
        if self._monotonic() < self._refused_until_s:
            raise SpoolError(self._refusal)
        try:
            with self._transaction() as db:
                db.execute("INSERT INTO main.entries SELECT * FROM young.entries ORDER BY id")
                tables.resize(db, self._young_bytes)
        except SpoolError as error:
            self._refused_until_s = self._monotonic() + _RETRY_S
            self._refusal = str(error)
            raise
        self._disk_bytes += self._young_bytes
        self._newest_on_disk = self._last_id
        with self._transaction() as db:
            db.execute("DELETE FROM young.entries")
        self._young_bytes = 0

    def _learn(self) -> None:
        """Take from the files what is remembered beside them."""
        with self._reading() as db:
            self._disk_bytes = int(db.execute("SELECT size_bytes FROM main.totals").fetchone()[0])
            self._young_bytes = tables.select_young_bytes(db)
            self._newest_on_disk, young = tables.newest_ids(db)
        self._last_id = max(self._newest_on_disk, young, self._last_id)

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        try:
            yield self._db
        except sqlite3.Error as error:
            raise self._fault(error) from error

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        try:
            self._db.execute("BEGIN")
            try:
                yield self._db
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            raise self._fault(error) from error

    def _fault(self, error: sqlite3.Error) -> SpoolError:
        """Word an error; a file that turned out to be damaged is set aside and a new one begun."""
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")
        if type(error) is sqlite3.DatabaseError:
            young = tables.select_young(self._db)
            self._db.close()
            self._db, self._broken_file = open_database(
                self._path, self._young_path, is_damaged=True
            )
            for entry in young:
                tables.insert_young(self._db, entry)
            self._learn()
        return SpoolError(f"the spool does not answer: {error}")

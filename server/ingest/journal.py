"""Messages of a plain MQTT broker on our own disk, from before their PUBACK until they are processed.

MQTT has no positions to read on from, and what a broker delivers again after a lost connection comes
in another order, at another time, mixed with what is new. The journal gives each message a position
and its time of arrival once, on disk, and only then is the PUBACK sent
(docs/decisions/0019-plain-mqtt-brokers.md). One SQLite file; callable from any thread.
"""

from __future__ import annotations

import sqlite3
import threading
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Final

from server.ingest.source import Message, SourceError

_SCHEMA: Final = """
PRAGMA auto_vacuum = INCREMENTAL;
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
CREATE TABLE IF NOT EXISTS identity (id TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS message (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    topic TEXT NOT NULL, payload BLOB NOT NULL, received_s REAL NOT NULL, retained INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS taken (
    client TEXT NOT NULL, packet_id INTEGER NOT NULL, digest BLOB NOT NULL,
    PRIMARY KEY (client, packet_id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS subscription (
    client TEXT NOT NULL, filter TEXT NOT NULL, PRIMARY KEY (client, filter)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS client (name TEXT PRIMARY KEY) WITHOUT ROWID;
"""
# Beside the payload: topic, times, the page's share.
_ROW_BYTES: Final = 128
_PAGES_GIVEN_BACK: Final = 4096


class JournalFull(SourceError):
    """More waits to be processed than the journal may hold."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A PUBLISH as it came to the client `client` of ours; `packet_id` 0 at QoS 0."""

    client: str
    packet_id: int
    is_redelivery: bool
    topic: str
    payload: bytes
    received_s: float
    retained: bool = False


class Journal:
    """Open once in a process; `close` at the end. Raises sqlite3.Error where the disk fails."""

    def __init__(self, path: Path, *, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=30)
        self._db.executescript(_SCHEMA)
        self._db.execute(
            "INSERT INTO identity SELECT ? WHERE NOT EXISTS (SELECT 1 FROM identity)",
            (uuid.uuid4().hex,),
        )
        self.identity: str = self._db.execute("SELECT id FROM identity").fetchone()[0]
        """Another one where the file was lost: positions began anew."""
        count, held = self._db.execute(
            "SELECT count(*), coalesce(sum(length(payload)), 0) FROM message"
        ).fetchone()
        self._bytes = held + _ROW_BYTES * count
        last = self._db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'message'").fetchone()
        self.last_position: int = last[0] if last else 0
        self.on_news: Callable[[], None] = lambda: None
        """Called after new messages are on disk, on the thread that brought them."""

    def take(self, deliveries: Sequence[Delivery]) -> int:
        """On disk when it returns, in this order, all or none; how many were new.

        A redelivery of what was taken before is known by its packet id and content. Raises
        JournalFull, with nothing taken.
        """
        with self._lock:
            if self._bytes > self._max_bytes:
                raise JournalFull("too much waits to be processed")
            fresh, added_bytes, position = 0, 0, self.last_position
            with _Transaction(self._db):
                for one in deliveries:
                    if one.packet_id and self._is_known(one):
                        continue
                    position = self._insert(one)
                    added_bytes += len(one.payload) + _ROW_BYTES
                    fresh += 1
            self.last_position = position
            self._bytes += added_bytes
        if fresh:
            self.on_news()
        return fresh

    def _is_known(self, one: Delivery) -> bool:
        digest = blake2b(one.topic.encode() + b"\0" + one.payload, digest_size=16).digest()
        if one.is_redelivery:
            row = self._db.execute(
                "SELECT digest FROM taken WHERE client = ? AND packet_id = ?",
                (one.client, one.packet_id),
            ).fetchone()
            if row is not None and row[0] == digest:
                return True
        self._db.execute(
            "INSERT OR REPLACE INTO taken VALUES (?, ?, ?)", (one.client, one.packet_id, digest)
        )
        return False

    def _insert(self, one: Delivery) -> int:
        inserted = self._db.execute(
            "INSERT INTO message (topic, payload, received_s, retained) VALUES (?, ?, ?, ?)",
            (one.topic, one.payload, one.received_s, one.retained),
        )
        assert inserted.lastrowid is not None
        return inserted.lastrowid

    def after(self, position: int, max_messages: int) -> list[Message]:
        """Messages beyond `position`, in order."""
        with self._lock:
            rows = self._db.execute(
                "SELECT position, topic, payload, received_s, retained FROM message"
                " WHERE position > ? ORDER BY position LIMIT ?",
                (position, max_messages),
            ).fetchall()
        return [Message(p, topic, payload, at, bool(kept)) for p, topic, payload, at, kept in rows]

    def forget(self, position: int) -> None:
        """Messages up to `position` are processed; their room is given back."""
        with self._lock, _Transaction(self._db):
            gone = self._db.execute(
                "DELETE FROM message WHERE position <= ? RETURNING length(payload)", (position,)
            ).fetchall()
            self._bytes -= sum(size + _ROW_BYTES for (size,) in gone)
        with self._lock:
            self._db.execute(f"PRAGMA incremental_vacuum({_PAGES_GIVEN_BACK})").fetchall()

    def waiting(self, position: int) -> int:
        """How many messages lie beyond `position`."""
        with self._lock:
            (count,) = self._db.execute(
                "SELECT count(*) FROM message WHERE position > ?", (position,)
            ).fetchone()
        return int(count)

    # ----- what the broker remembers of our clients

    def clients(self) -> set[str]:
        """Every name under which a session may be kept for us."""
        with self._lock:
            return {name for (name,) in self._db.execute("SELECT name FROM client")}

    def session_began(self, client: str) -> None:
        """The broker has nothing of before for `client`: packet ids mean other messages now."""
        with self._lock, _Transaction(self._db):
            self._db.execute("DELETE FROM taken WHERE client = ?", (client,))

    def subscriptions(self, client: str) -> set[str]:
        with self._lock:
            rows = self._db.execute("SELECT filter FROM subscription WHERE client = ?", (client,))
            return {topic_filter for (topic_filter,) in rows}

    def note_subscriptions(self, client: str, filters: Iterable[str]) -> None:
        """These, and no others, are asked of the broker for `client`."""
        with self._lock, _Transaction(self._db):
            self._db.execute("INSERT OR IGNORE INTO client VALUES (?)", (client,))
            self._db.execute("DELETE FROM subscription WHERE client = ?", (client,))
            self._db.executemany(
                "INSERT INTO subscription VALUES (?, ?)", [(client, f) for f in set(filters)]
            )

    def close(self) -> None:
        with self._lock:
            self._db.close()


class _Transaction:
    """BEGIN IMMEDIATE … COMMIT, or nothing of it."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def __enter__(self) -> None:
        self._db.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: type[BaseException] | None, *_error: object) -> None:
        try:
            if kind is None:
                self._db.execute("COMMIT")
        finally:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")

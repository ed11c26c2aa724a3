"""The SQL on entries. They lie in two tables of the same shape: ``main``, on the disk, and ``young``.

Every id in ``young`` is greater than every one in ``main``. Runs inside the caller's transaction.
"""

import sqlite3
from collections.abc import Iterator
from typing import Final

from device_agent.spool.files import read_dropped, write_dropped
from device_agent.spool.port import ENTRY_OVERHEAD_BYTES, Entry, Lane
from device_agent.spool.retention import PASSES, RECENT_S, Pass

# ruff: noqa: S608 - what is put into the statements are the constants below

_TABLES: Final = ("main", "young")
_LANES: Final[dict[Lane, str]] = {
    "all": "",
    "telemetry": " AND leaf = 'telemetry'",
    "urgent": " AND leaf <> 'telemetry'",
}
_Row = tuple[int, float, int]


def insert_young(db: sqlite3.Connection, entry: Entry) -> None:
    """Add an entry under its id."""
    row = (entry.id, entry.leaf, entry.put_s, entry.payload)
    db.execute("INSERT OR IGNORE INTO young.entries VALUES (?, ?, ?, ?)", row)


def select_after(db: sqlite3.Connection, entry_id: int, limit: int, lane: Lane) -> list[Entry]:
    """Give entries of a lane in order of their ids."""
    found: list[Entry] = []
    for table in _TABLES:
        rows = db.execute(
            f"SELECT id, leaf, put_s, payload FROM {table}.entries"
            f" WHERE id > ?{_LANES[lane]} ORDER BY id LIMIT ?",
            (entry_id, limit - len(found)),
        )
        found += [Entry(*row) for row in rows]
    return found


def select_count(db: sqlite3.Connection, lane: Lane) -> int:
    """Say how many wait in a lane."""
    return sum(
        int(db.execute(f"SELECT count(*) FROM {t}.entries WHERE 1{_LANES[lane]}").fetchone()[0])
        for t in _TABLES
    )


def select_young(db: sqlite3.Connection) -> list[Entry]:
    """Give all young entries, which the damage of a disk leaves alone."""
    return [Entry(*row) for row in db.execute("SELECT * FROM young.entries ORDER BY id")]


def select_young_bytes(db: sqlite3.Connection) -> int:
    """Say what the young entries take."""
    cost = f"coalesce(sum(length(payload) + {ENTRY_OVERHEAD_BYTES}), 0)"
    return int(db.execute(f"SELECT {cost} FROM young.entries").fetchone()[0])


def newest_ids(db: sqlite3.Connection) -> tuple[int, int]:
    """Give the greatest ids that were ever on the disk, and ever young."""
    main, young = (
        int(db.execute(f"SELECT coalesce(max(seq), 0) FROM {t}.sqlite_sequence").fetchone()[0])
        for t in _TABLES
    )
    return main, young


def resize(db: sqlite3.Connection, by_bytes: int) -> None:
    """Keep the count of what the disk holds."""
    db.execute("UPDATE main.totals SET size_bytes = size_bytes + ?", (by_bytes,))


def remove(db: sqlite3.Connection, table: str, entry_ids: list[int]) -> int:
    """Delete entries from one of the tables; gives the bytes that they took."""
    gone_bytes = 0
    for entry_id in entry_ids:
        row = db.execute(
            f"DELETE FROM {table}.entries WHERE id = ? RETURNING length(payload)", (entry_id,)
        ).fetchone()
        gone_bytes += row[0] + ENTRY_OVERHEAD_BYTES if row else 0
    if gone_bytes and table == "main":
        resize(db, -gone_bytes)
    return gone_bytes


def make_room(db: sqlite3.Connection, free_bytes: int, *, newest_s: float, keep_id: int) -> None:
    """Run the retention's passes until so much is freed; ``keep_id`` never goes."""
    for each in PASSES:
        for table in _TABLES:
            rows: list[_Row] = []
            for row in _candidates(db, table, each, newest_s, keep_id):
                if free_bytes <= 0:
                    break
                rows.append(row)
                free_bytes -= row[2] + ENTRY_OVERHEAD_BYTES
            _drop(db, table, rows, thinned=each.thins)
        if free_bytes <= 0:
            return


def drop_older(db: sqlite3.Connection, than_s: float) -> None:
    """Drop whatever was put before a time."""
    for table in _TABLES:
        rows = db.execute(
            f"SELECT id, put_s, length(payload) FROM {table}.entries WHERE put_s < ?", (than_s,)
        ).fetchall()
        _drop(db, table, rows, thinned=False)


def _candidates(
    db: sqlite3.Connection, table: str, each: Pass, newest_s: float, keep_id: int
) -> Iterator[_Row]:
    border_s = newest_s - RECENT_S if each.only_old else 1e300
    return db.execute(
        f"SELECT id, put_s, length(payload) FROM {table}.entries"
        " WHERE (leaf = 'telemetry') = ? AND put_s <= ? AND (? = 0 OR id & ?) AND id <> ?"
        " ORDER BY id",
        (each.telemetry, border_s, each.mask, each.mask, keep_id),
    )


def _drop(db: sqlite3.Connection, table: str, rows: list[_Row], *, thinned: bool) -> None:
    if not rows:
        return
    lost = read_dropped(db)
    for _, put_s, payload_bytes in rows:
        lost = lost.plus(put_s, payload_bytes, thinned=thinned)
    remove(db, table, [row[0] for row in rows])
    write_dropped(db, lost)

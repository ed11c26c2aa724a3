"""What only the disk's spool must survive: death, damage, a second agent, a newer version."""

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from device_agent.errors import SpoolError
from device_agent.spool import SqliteSpool, read_depth

WRITER = """
import sys
from pathlib import Path
from device_agent.spool import SqliteSpool
spool = SqliteSpool(Path(sys.argv[1]), 10**9)
for n in range(10**6):
    spool.put("telemetry", n.to_bytes(4, "big") * 50, 1.0)
    print(n, flush=True)
"""


def test_after_kill_9_all_that_was_put_is_there_and_whole(tmp_path):
    root = Path(__file__).resolve().parents[3]
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    told = -1
    for line in writer.stdout:
        told = int(line)
        if told >= 40:
            writer.send_signal(signal.SIGKILL)
            break
    told = max([told, *(int(line) for line in writer.stdout.read().split())])
    writer.wait(timeout=30)
    writer.stdout.close()
    spool = SqliteSpool(tmp_path, 10**9)
    payloads = [entry.payload for entry in spool.after(0, 10**6)]
    spool.close()
    assert len(payloads) >= told + 1
    assert payloads == [n.to_bytes(4, "big") * 50 for n in range(len(payloads))]


def test_a_second_agent_is_kept_out_and_let_in_afterwards(tmp_path):
    first = SqliteSpool(tmp_path, 10_000)
    with pytest.raises(SpoolError, match="in use by another agent"):
        SqliteSpool(tmp_path, 10_000)
    first.close()
    SqliteSpool(tmp_path, 10_000).close()


def test_a_file_that_is_no_database_is_set_aside(tmp_path):
    (tmp_path / "spool.db").write_bytes(b"not a database at all" * 100)
    spool = SqliteSpool(tmp_path, 10_000)
    assert spool.broken_file() == str(tmp_path / "spool.broken-1.db")
    assert spool.broken_file() == "", "told once"
    assert (tmp_path / "spool.broken-1.db").read_bytes().startswith(b"not a database")
    spool.put("events", b"x", 1.0)
    spool.close()


def test_a_spool_of_a_newer_version_is_refused_untouched(tmp_path):
    SqliteSpool(tmp_path, 10_000).close()
    db = sqlite3.connect(tmp_path / "spool.db")
    db.execute("PRAGMA user_version=99")
    db.close()
    with pytest.raises(SpoolError, match="newer version"):
        SqliteSpool(tmp_path, 10_000)
    assert not list(tmp_path.glob("spool.broken*"))


def test_a_directory_that_can_not_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SpoolError, match="can't be used"):
        SqliteSpool(tmp_path / "file" / "below", 10_000)


def test_while_the_disk_refuses_entries_are_kept_in_memory_up_to_a_limit(tmp_path):
    spool = SqliteSpool(tmp_path, 10**9)
    first = spool.put("events", b"x", 1.0)
    spool._db.execute("PRAGMA main.max_page_count=1")
    ids = [first, *(spool.put("events", bytes(50_000), 2.0) for _ in range(79))]
    with pytest.raises(SpoolError, match="does not answer"):
        spool.settle()
    with pytest.raises(SpoolError, match="does not answer"):
        spool.put("events", bytes(50_000), 2.0)
    assert [e.id for e in spool.after(0, 1000)] == ids
    spool.delete(ids[1:3])
    spool._db.execute("PRAGMA main.max_page_count=100000")
    ids.append(spool.put("events", b"z", 3.0))
    spool.close()
    spool = SqliteSpool(tmp_path, 10**9)
    assert [e.id for e in spool.after(0, 1000)] == [first, *ids[3:]]
    spool.close()


# Page 5 on: the middle, and the file still opens. From 1024 on: not even that.
@pytest.mark.parametrize("from_byte", [4096, 1024])
def test_a_file_damaged_while_in_use_is_set_aside_and_what_is_young_is_kept(tmp_path, from_byte):
    spool = SqliteSpool(tmp_path, 10**9, flush_s=3600)
    for _ in range(200):
        spool.put("events", bytes(500), 1.0)
    spool._flush_s = 0
    last = spool.put("events", b"old", 1.0)
    spool._flush_s = 3600
    young = spool.put("events", b"young", 2.0)
    spool._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with (tmp_path / "spool.db").open("r+b") as file:
        file.seek(from_byte)
        file.write(b"\xa5" * 4096 * 20)
    spool._db.execute("PRAGMA cache_size=0")
    spool._db.execute("PRAGMA shrink_memory")
    with pytest.raises(SpoolError, match="malformed"):
        spool.after(last - 150, 1000)
    assert "broken-1" in spool.broken_file()
    assert [e.id for e in spool.after(0, 1000)] == [young]
    assert spool.put("events", b"new", 3.0) == young + 1
    spool.close()


def test_a_spool_of_version_one_is_brought_up(tmp_path):
    db = sqlite3.connect(tmp_path / "spool.db")
    db.executescript(
        """CREATE TABLE entries (id INTEGER PRIMARY KEY AUTOINCREMENT, leaf TEXT NOT NULL,
             put_s REAL NOT NULL, payload BLOB NOT NULL);
           CREATE TABLE totals (size_bytes INTEGER NOT NULL, dropped INTEGER NOT NULL,
             dropped_bytes INTEGER NOT NULL, dropped_oldest_s REAL NOT NULL, dropped_newest_s REAL NOT NULL);
           INSERT INTO totals VALUES (65, 2, 9, 1.0, 2.0);
           INSERT INTO entries VALUES (7, 'events', 1.5, x'00');
           PRAGMA user_version=1;"""
    )
    db.close()
    spool = SqliteSpool(tmp_path, 10**9)
    assert [e.id for e in spool.after(0, 9, "urgent")] == [7]
    assert (spool.dropped().count, spool.dropped().thinned) == (2, 0)
    assert spool.put("events", b"", 2.0) == 8
    spool.close()


YOUNG_WRITER = WRITER.replace("10**9)", "10**9, flush_s=0.02, young_directory=Path(sys.argv[1]))")


def test_after_kill_9_what_was_young_on_a_ram_disk_is_there_too(tmp_path):
    for _ in range(3):
        root = Path(__file__).resolve().parents[3]
        with subprocess.Popen(
            [sys.executable, "-c", YOUNG_WRITER, str(tmp_path)],
            stdout=subprocess.PIPE, text=True, cwd=root, env={**os.environ, "PYTHONPATH": str(root)},
        ) as writer:  # fmt: skip
            lines = [writer.stdout.readline() for _ in range(150)]
            writer.send_signal(signal.SIGKILL)
            told = int((lines + writer.stdout.read().split())[-1])
        spool = SqliteSpool(tmp_path, 10**9, flush_s=3600, young_directory=tmp_path)
        payloads = [entry.payload for entry in spool.after(0, 10**6)]
        spool.delete([entry.id for entry in spool.after(0, 10**6)])
        spool.close()
        assert len(payloads) >= told + 1
        assert payloads == [n.to_bytes(4, "big") * 50 for n in range(len(payloads))]


def test_what_is_acknowledged_in_time_never_touches_the_disk(tmp_path):
    spool = SqliteSpool(tmp_path, 10**9, flush_s=3600)
    before = {p.name: (p.stat().st_mtime_ns, p.stat().st_size) for p in tmp_path.iterdir()}
    for _ in range(50):
        spool.delete([spool.put("telemetry", bytes(1000), 1.0)])
        spool.settle()
    wal = "spool.db-wal"
    after = {p.name: (p.stat().st_mtime_ns, p.stat().st_size) for p in tmp_path.iterdir()}
    assert {wal: after[wal], "spool.db": after["spool.db"]} == {
        wal: before[wal], "spool.db": before["spool.db"],
    }  # fmt: skip
    spool.close()


def test_the_depth_can_be_read_while_the_agent_runs(tmp_path):
    with pytest.raises(SpoolError, match="no spool"):
        read_depth(tmp_path)
    spool = SqliteSpool(tmp_path, 10_000)
    spool.put("events", b"x", 5.0)
    depth, lost = read_depth(tmp_path)
    assert (depth.count, depth.oldest_s, lost.count) == (1, 5.0, 0)
    spool.close()


def test_a_commit_writes_little(tmp_path):
    """Pages are small: a pack of ten seconds costs the card a few kilobytes, not sixteen."""
    spool = SqliteSpool(tmp_path, 10**9)
    spool.put("telemetry", b"first", 1.0)
    wal = tmp_path / "spool.db-wal"
    before = wal.stat().st_size
    spool.put("telemetry", os.urandom(1100), 2.0)
    assert wal.stat().st_size - before < 6000
    spool.close()

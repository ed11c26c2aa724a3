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
    assert spool.set_aside == tmp_path / "spool.broken-1.db"
    assert spool.set_aside.read_bytes().startswith(b"not a database")
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


def test_a_disk_that_refuses_changes_nothing_and_says_so(tmp_path):
    spool = SqliteSpool(tmp_path, 10**9)
    kept = spool.put("events", b"x", 1.0)
    spool._db.execute("PRAGMA max_page_count=1")
    refused = None
    while refused is None:
        try:
            kept = spool.put("events", b"y" * 5000, 2.0)
        except SpoolError as error:
            refused = error
    assert "does not answer" in str(refused)
    assert spool.after(0, 1000)[-1].id == kept
    spool._db.execute("PRAGMA max_page_count=100000")
    assert spool.put("events", b"z", 3.0) > kept
    spool.close()


def test_the_depth_can_be_read_while_the_agent_runs(tmp_path):
    with pytest.raises(SpoolError, match="no spool"):
        read_depth(tmp_path)
    spool = SqliteSpool(tmp_path, 10_000)
    spool.put("events", b"x", 5.0)
    depth, lost = read_depth(tmp_path)
    assert (depth.count, depth.oldest_s, lost.count) == (1, 5.0, 0)
    spool.close()

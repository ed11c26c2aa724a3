"""Backup and restore where things are not as they should be; the socket by which commands ask."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.app import backup
from server.app.control import ControlRefused, NotRunning, Say, answering, ask
from server.app.restoring import RestoreRefused, restore
from server.app.waiting import read_waiting, work_off, write_waiting
from server.ingest.memory import MemorySource, MemoryStream
from server.ingest.source import Message
from server.kit.data_directory import DataDirectory
from server.kit.database import Database
from server.kit.errors import BadInput, Conflict, DataDirectoryError, ForewarnError
from server.migrations import upgrade
from server.telemetry.duckdb import DuckDbTelemetryStore
from server.telemetry.samples import SampleBatch, SeriesKey

NOW = datetime(2026, 6, 1, tzinfo=UTC)
T = 1_780_000_000
KEY = SeriesKey("d", "a")


def quiet(_share: float) -> None:
    pass


def rows(count: int, series: int, begin: int) -> SampleBatch:
    times = T + begin + np.arange(count, dtype=np.float64)
    return SampleBatch(np.full(count, series, dtype=np.int32), times, times % 7)


@pytest.fixture
def taken(tmp_path: Path) -> Path:
    """A backup of a directory with records, samples, a key and a picture."""
    data = DataDirectory(tmp_path / "home")
    data.prepare()
    records = Database.at(data.records_file)
    upgrade(records)
    (data.root / "temporary.key").write_bytes(b"k")
    (data.root / "photos").mkdir()
    (data.root / "photos" / "a.jpg").write_bytes(b"p")
    (data.root / "server.json").write_text("{}")
    (data.root / "broker").mkdir()
    (data.root / "broker" / "big").write_bytes(b"b")
    store = DuckDbTelemetryStore(data.telemetry_file)
    series = store.series_id(KEY, "V")
    store.append(rows(1000, series, 0), stream="main", position=1)
    target = backup.begin(tmp_path / "copy")
    shares: list[float] = []
    frozen = backup.freeze(data, store, target)
    # What happens after the moment is not in it, whatever it is.
    store.append(rows(1000, series, 1000), stream="main", position=2)
    store.upkeep(T + 1e6)
    with records.transaction() as session:
        session.connection().exec_driver_sql("CREATE TABLE later (x)")
    backup.copy_all(data, target, frozen, shares.append)
    backup.finish(target, records, now=NOW, live=True)
    for part in frozen:
        part.close()
    assert shares == sorted(shares)
    assert store.query(KEY, from_s=T, to_s=T + 3000, points=3).count.sum() == 2000
    store.close()
    records.close()
    return target.final


def test_a_backup_holds_one_moment_and_nothing_of_the_run(taken: Path, tmp_path: Path) -> None:
    restored = restore(taken, tmp_path / "again", quiet)
    root = tmp_path / "again"
    assert restored["taken_at"] == "2026-06-01T00:00:00+00:00"
    names = {file.relative_to(root).as_posix() for file in root.rglob("*") if file.is_file()}
    assert names == {
        "backup.json",
        "photos/a.jpg",
        "records.sqlite3",
        "telemetry.duckdb",
        "temporary.key",
        "version.json",
    }
    store = DuckDbTelemetryStore(root / "telemetry.duckdb")
    assert (store.count(), store.position("main")) == (1000, 1)
    assert store.query(KEY, from_s=T, to_s=T + 3000, points=3).count.sum() == 1000
    store.upkeep(T + 2e6)
    assert store.query(KEY, from_s=T, to_s=T + 3000, points=3).count.sum() == 1000
    store.close()
    with sqlite3.connect(root / "records.sqlite3") as records:
        tables = {name for (name,) in records.execute("SELECT name FROM sqlite_master")}
    assert "device" in tables
    assert "later" not in tables


def test_a_place_that_is_taken_is_refused(taken: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="not empty"):
        backup.begin(taken)
    with pytest.raises(BadInput, match="not empty"):
        restore(taken, tmp_path / "home", quiet)
    (tmp_path / "file").write_text("")
    with pytest.raises(backup.BackupFailed, match="file"):
        backup.begin(tmp_path / "file" / "copy")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"format": 2}, "newer Forewarn"),
        ({"records_revision": "ffff"}, "newer Forewarn"),
        ({"format": "x"}, "damaged"),
        ({"files": None}, "damaged"),
        ({"files": {"../out": {"bytes": 1, "sha256": ""}}}, "damaged"),
        ({"files": {"absent": {"bytes": 1, "sha256": ""}}}, "not whole"),
    ],
)
def test_a_backup_that_does_not_fit_is_refused_and_nothing_is_written(
    taken: Path, tmp_path: Path, change: dict[str, Any], reason: str
) -> None:
    manifest = json.loads((taken / "backup.json").read_text())
    (taken / "backup.json").write_text(json.dumps(manifest | change))
    with pytest.raises(RestoreRefused, match=reason):
        restore(taken, tmp_path / "again", quiet)
    assert not list(tmp_path.glob("again*"))


def test_a_newer_layout_and_a_flipped_bit_are_refused(taken: Path, tmp_path: Path) -> None:
    (taken / "photos" / "a.jpg").write_bytes(b"q")
    with pytest.raises(RestoreRefused, match=r"a\.jpg is not what was backed up"):
        restore(taken, tmp_path / "again", quiet)
    with pytest.raises(RestoreRefused, match="no backup"):
        restore(tmp_path / "home", tmp_path / "again", quiet)


@given(content=st.binary(max_size=60))
def test_any_bytes_as_waiting_messages_are_read_or_said_to_be_damaged(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "waiting"
        file.write_bytes(content)
        with contextlib.suppress(DataDirectoryError):
            assert all(isinstance(m, Message) for batch in read_waiting(file) for m in batch)


def test_messages_that_waited_are_worked_off_once(tmp_path: Path) -> None:
    file = tmp_path / "waiting.msgpack"
    messages = [Message(n, "devices/d/telemetry", b"x" * n, 1.5) for n in range(1, 700)]

    async def write() -> int:
        stream = MemoryStream(lambda: 1.5)
        for message in messages:
            await stream.publish(message.topic, message.payload)
        return await write_waiting(MemorySource(stream), file)

    assert asyncio.run(write()) == len(messages)

    class Recorder:
        """A pipeline that only remembers; it was interrupted after the 600th message before."""

        def __init__(self, stream: str) -> None:
            self.stream, self.position, self.done = stream, 600, []
            made.append(self)

        def process(self, batch: list[Message]) -> None:
            self.done += batch

        def checkpoint(self) -> int:
            return 0

    made: list[Any] = []
    work_off(file, Recorder)  # type: ignore[arg-type]
    assert [m.payload for m in made[0].done] == [m.payload for m in messages[600:]]
    assert made[0].stream.startswith("waiting-")
    assert not file.exists()
    work_off(file, Recorder)  # type: ignore[arg-type]
    assert len(made) == 1


def test_a_command_hears_progress_and_the_end_or_a_sentence(tmp_path: Path) -> None:
    root = tmp_path / ("long-" * 30)
    root.mkdir()

    async def double(request: Mapping[str, Any], say: Say) -> Any:
        await asyncio.to_thread(say, 0.5)
        await asyncio.sleep(0)
        if request["number"] < 0:
            raise Conflict("no negative numbers")
        if request["number"] == 0:
            raise ZeroDivisionError("zero")
        return 2 * request["number"]

    heard: list[Any] = []
    results: list[Any] = []

    def asking() -> None:
        for request in (
            {"do": "double", "number": 4},
            {"do": "double", "number": -1},
            {"do": "double", "number": 0},
            {"do": "unknown"},
        ):
            try:
                results.append(ask(root, request, heard.append))
            except ForewarnError as error:
                results.append(error)

    async def serve() -> None:
        async with answering(root, {"double": double}):
            mode = (root / "control.sock").stat().st_mode
            assert mode & 0o077 == 0
            await asyncio.to_thread(asking)

    with pytest.raises(NotRunning):
        ask(root, {"do": "double"}, heard.append)
    asyncio.run(serve())
    assert results[0] == 8
    assert [str(r) for r in results[1:]] == [
        "no negative numbers",
        "ZeroDivisionError: zero",
        "this server does not know what is asked; is it another version?",
    ]
    assert all(isinstance(r, ControlRefused) for r in results[1:])
    assert heard == [0.5] * 3
    with pytest.raises(NotRunning):
        ask(root, {"do": "double"}, heard.append)

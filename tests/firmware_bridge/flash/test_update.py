"""An update and its journal: power may go at any moment, any number of times."""

from __future__ import annotations

import json
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_bridge.errors import FlashFailed, ImageRefused
from firmware_bridge.flash.image import Image, load_image
from firmware_bridge.flash.journal import Entry, Journal
from firmware_bridge.flash.memory import MemoryFlasher, MemoryTarget, PowerCut, memory_image
from firmware_bridge.flash.port import Rollback
from firmware_bridge.flash.states import ENDS, MAX_TRIES, TABLE, State
from firmware_bridge.flash.update import Update

T0 = 1_800_000_000.0
OLD = memory_image("memory-1", "1.0")
NEW = memory_image("memory-1", "2.0", 1200)
FAILING = ("identify", "save", "write", "verify", "start", "runs", "confirm")


def new_image(folder: Path) -> Image:
    (folder / "new").write_bytes(NEW)
    return load_image(folder / "new", "")


def entry(**changes: Any) -> Entry:
    return replace(Entry("u1", "mcu", "memory", "0" * 64, T0), **changes)


class CutJournal(Journal):
    """Loses power before or after one of its writes."""

    def __init__(self, folder: Path, cuts: list[int]) -> None:
        super().__init__(folder)
        self.cuts = cuts

    def write(self, entry: Entry) -> Entry:
        if self.cuts:
            self.cuts[0] -= 1
            if self.cuts[0] == 0:
                del self.cuts[0]
                raise PowerCut
        super().write(entry)
        if self.cuts:
            self.cuts[0] -= 1
            if self.cuts[0] == 0:
                del self.cuts[0]
                raise PowerCut
        return entry


def test_table_is_whole() -> None:
    assert set(TABLE) | ENDS == set(State)
    assert not set(TABLE) & ENDS
    for state, step in TABLE.items():
        assert step.again_from in TABLE
        # Nothing leads back but a restart, and that never skips a step.
        order = list(State)
        assert order.index(step.again_from) <= order.index(state) < order.index(step.then)


@settings(max_examples=60)  # each syncs the disk a dozen times
@given(
    rollback=st.sampled_from(list(Rollback)),
    fails=st.sets(st.sampled_from(FAILING), max_size=2),
    cuts=st.lists(st.integers(1, 12), max_size=4),
    write_cut=st.none() | st.floats(0, 1),
)
def test_power_may_go_at_any_moment(
    rollback: Rollback, fails: set[str], cuts: list[int], write_cut: float | None
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        target = MemoryTarget(rollback=rollback, active=OLD, fails=fails, cut_at=write_cut)
        journal = CutJournal(folder / "j", list(cuts))
        image = new_image(folder)
        ended: Entry | None = None
        for _attempt in range(20):
            update = Update(journal, MemoryFlasher(target), prove=lambda: "")
            try:
                # Whoever asked asks again until he is told that it has begun.
                ended = update.resume() if journal.read() else update.begin(entry(), image)
            except PowerCut:
                target.power_on()
                continue
            break
        else:
            pytest.fail("not ended after 20 starts")
        found = journal.read()
        assert found is not None
        assert found.state in ENDS
        assert ended is None or ended == found
        if found.state is State.DONE:
            assert target.active == NEW
            assert not target.on_trial
        elif found.state in {State.REVERTED, State.REFUSED}:
            assert target.active == OLD
            assert found.reason
        else:
            assert found.state is State.BROKEN
            assert rollback is Rollback.NONE
        if not fails and not cuts and write_cut is None:
            assert found.state is State.DONE


def test_a_step_that_cuts_the_power_each_time_is_given_up(tmp_path: Path) -> None:
    target = MemoryTarget(rollback=Rollback.BACKUP, active=OLD, cut_at=0.5)
    journal = Journal(tmp_path / "j")
    for attempt in range(1 + MAX_TRIES):
        target.cut_at = 0.5
        update = Update(journal, MemoryFlasher(target), prove=lambda: "")
        with pytest.raises(PowerCut):
            update.resume() if attempt else update.begin(entry(), new_image(tmp_path))
    target.cut_at = None
    ended = Update(journal, MemoryFlasher(target), prove=lambda: "").resume()
    assert ended is not None
    assert (ended.state, ended.reason) == (State.REVERTED, "writing: cut off 3 times")
    assert target.active == OLD


def test_image_lost_or_changed_on_disk_is_never_written(tmp_path: Path) -> None:
    target = MemoryTarget(rollback=Rollback.BACKUP, active=OLD, cut_at=0.5)
    journal = Journal(tmp_path / "j")
    with pytest.raises(PowerCut):
        Update(journal, MemoryFlasher(target), prove=lambda: "").begin(entry(), new_image(tmp_path))
    journal.image_path.write_bytes(memory_image("memory-1", "9.9"))
    ended = Update(journal, MemoryFlasher(target), prove=lambda: "").resume()
    assert ended is not None
    assert ended.state is State.REVERTED
    assert "not the image asked for" in ended.reason
    assert target.active == OLD


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", '{"id": 1}', "[" * 100_000, "\xff", json.dumps({"state": "done"})],
)
def test_damaged_journal_is_told_and_set_aside(tmp_path: Path, text: str) -> None:
    (tmp_path / "update.json").write_text(text, "latin-1")
    journal = Journal(tmp_path)
    with pytest.raises(FlashFailed, match="damaged"):
        journal.read()
    assert journal.read() is None
    assert (tmp_path / "update.bad.json").exists()


@settings(max_examples=40)
@given(data=st.data())
def test_any_journal_is_an_entry_or_damaged(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as name:
        journal = Journal(Path(name))
        written = journal.write(entry(state=data.draw(st.sampled_from(State)), tries=2))
        assert journal.read() == written
        path = Path(name) / "update.json"
        tree = json.loads(path.read_text())
        scalar = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9)
        tree[data.draw(st.sampled_from(sorted(tree)))] = data.draw(scalar)
        path.write_text(json.dumps(tree))
        try:
            found = journal.read()
        except FlashFailed:
            return
        assert found is not None
        assert isinstance(found.state, State)


def test_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    update = Update(Journal(tmp_path / "file"), MemoryFlasher(MemoryTarget()), prove=lambda: "")
    with pytest.raises(FlashFailed, match="can't be"):
        update.begin(entry(), new_image(tmp_path))


def test_image_larger_than_the_target(tmp_path: Path) -> None:
    target = MemoryTarget(capacity_bytes=1199, active=OLD)
    ended = Update(Journal(tmp_path / "j"), MemoryFlasher(target), prove=lambda: "").begin(
        entry(), new_image(tmp_path)
    )
    assert ended.state is State.REFUSED
    assert "takes 1200 bytes, the target has room for 1199" in ended.reason
    assert target.writes == 0
    with pytest.raises(ImageRefused, match="is for memory-1"):
        Update(Journal(tmp_path / "k"), MemoryFlasher(target, "memory-2"), prove=lambda: "").begin(
            entry(), new_image(tmp_path)
        )

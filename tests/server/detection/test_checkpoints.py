"""The detectors' memory in parts: what is saved is what is resumed, and only what changed is written."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete, select, update

from server.detection import checkpoints
from server.detection.model import Checkpoint, CheckpointPart
from server.kit.database import Database
from server.kit.errors import Conflict

NOW = datetime(2026, 1, 1, tzinfo=UTC)
memories = st.lists(st.binary(max_size=6), max_size=6)


def save(
    database: Database,
    before: checkpoints.Digests,
    parts: checkpoints.Parts,
    position: int,
    shard: str = checkpoints.SHARD,
) -> checkpoints.Change:
    changed = checkpoints.change(before, parts)
    with database.transaction() as session:
        checkpoints.save_checkpoint(
            session,
            "s",
            position,
            memory=changed,
            seen_packs=b"",
            tuning_id=0,
            now=NOW,
            shard=shard,
        )
    return changed


@given(st.lists(memories, min_size=1, max_size=5))
def test_changes_lead_from_any_memory_to_any_other(history: list[list[bytes]]) -> None:
    on_record: dict[int, bytes] = {}
    digests: checkpoints.Digests = ()
    for parts in history:
        changed = checkpoints.change(digests, parts)
        on_record = {n: d for n, d in on_record.items() if n < len(changed.digests)}
        on_record |= changed.parts
        digests = changed.digests
        assert [on_record[n] for n in range(len(parts))] == parts
        assert not checkpoints.change(digests, parts).parts


def test_what_was_saved_is_resumed_however_it_grew_and_shrank(database: Database) -> None:
    digests: checkpoints.Digests = ()
    history = [
        [b"head", b"a" * 100, b"b"],
        [b"HEAD", b"a" * 100, b"b", b"c"],
        [b"head"],
        [b"x", b"y"],
    ]
    for position, parts in enumerate(history, start=1):
        digests = save(database, digests, parts, position).digests
        with database.reading() as session:
            found = checkpoints.resume(session, "s")
        assert (found.state, found.replay_after) == (b"".join(parts), position)
        assert found.digests == digests


def test_only_what_changed_is_written(database: Database) -> None:
    first = save(database, (), [b"a", b"b", b"c"], 1)
    second = save(database, first.digests, [b"a", b"B", b"c"], 2)
    assert dict(second.parts) == {1: b"B"}


def test_shards_have_memories_of_their_own(database: Database) -> None:
    save(database, (), [b"one", b"1"], 1, shard="p0")
    save(database, (), [b"two"], 2, shard="p1")
    with database.reading() as session:
        found = {
            shard: checkpoints.resume(session, "s", shard=shard).state for shard in ("p0", "p1")
        }
    assert found == {"p0": b"one1", "p1": b"two"}


def test_a_transaction_that_fails_leaves_the_memory_and_its_position(database: Database) -> None:
    first = save(database, (), [b"a", b"b"], 1)
    with database.transaction() as session:
        checkpoints.save_checkpoint(
            session, "s", 2, memory=checkpoints.change(first.digests, [b"A"]), seen_packs=b"",
            tuning_id=0, now=NOW,
        )  # fmt: skip
        session.rollback()
    with database.reading() as session:
        found = checkpoints.resume(session, "s")
    assert (found.state, found.replay_after) == (b"ab", 1)


def test_a_memory_saved_whole_by_an_earlier_version_is_taken_up(database: Database) -> None:
    first = save(database, (), [], 7)
    with database.transaction() as session:
        session.execute(update(Checkpoint).values(state=b"as it was", parts=0))
    with database.reading() as session:
        found = checkpoints.resume(session, "s")
    assert (found.state, found.replay_after, found.digests) == (b"as it was", 7, first.digests)
    save(database, found.digests, [b"as it", b" is"], 8)
    with database.reading() as session:
        assert checkpoints.resume(session, "s").state == b"as it is"
        assert session.scalar(select(Checkpoint.state)) == b""


def test_a_part_that_is_missing_is_said(database: Database) -> None:
    save(database, (), [b"a", b"b"], 1)
    with database.transaction() as session:
        session.execute(delete(CheckpointPart).where(CheckpointPart.number == 0))
    with database.reading() as session, pytest.raises(Conflict, match="1 parts on record, not 2"):
        checkpoints.resume(session, "s")

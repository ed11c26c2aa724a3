"""The detector's memory in the records: in parts, of which a checkpoint writes those that changed.

With fifty thousand series the memory is a hundred megabytes, while between two checkpoints a part of the
devices has sent something. What is on record is known by digest, so nobody has to tell what changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b

from sqlalchemy.orm import Session

from server.detection import repository
from server.detection.model import Checkpoint
from server.kit.errors import Conflict

SHARD = "all"
"""One pipeline owns every device; partitions of a larger installation get names of their own."""

Parts = Sequence[bytes | memoryview]
Digests = tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """What has to be written, by number of part, to bring the record from one memory to the next."""

    parts: Mapping[int, bytes]
    digests: Digests
    """Of all parts of the next."""


def change(before: Digests, parts: Parts) -> Change:
    """From a memory of these digests to `parts`, which may be reused at once."""
    after = digests_of(parts)
    known = dict(enumerate(before))
    return Change({n: bytes(parts[n]) for n, d in enumerate(after) if known.get(n) != d}, after)


def digests_of(parts: Parts) -> Digests:
    return tuple(blake2b(part, digest_size=16).digest() for part in parts)


@dataclass(frozen=True, slots=True)
class Resume:
    """Where a restarted pipeline goes on: `state` includes everything up to `replay_after`."""

    state: bytes | None
    seen_packs: bytes | None
    replay_after: int
    recorded: int
    tuning_id: int
    digests: Digests
    """Of the parts of `state` on record."""


def resume(session: Session, stream: str, *, shard: str = SHARD) -> Resume:
    """The last checkpoint on `stream`; a state from another stream is kept, its positions are not.

    Raises Conflict where parts of the state are missing, which no crash of ours leaves behind.
    """
    saved = repository.checkpoint(session, shard)
    done = repository.recorded_position(session, shard)
    parts = repository.checkpoint_parts(session, shard) if saved else []
    if saved and len(parts) != saved.parts:
        raise Conflict(f"the detectors' memory has {len(parts)} parts on record, not {saved.parts}")
    return Resume(
        # Saved whole by a version before parts.
        state=(saved.state or b"".join(parts)) if saved else None,
        seen_packs=saved.seen_packs if saved else None,
        replay_after=saved.position if saved and saved.stream == stream else 0,
        recorded=done.position if done and done.stream == stream else 0,
        tuning_id=saved.tuning_id if saved else 0,
        digests=digests_of(parts),
    )


def save_checkpoint(
    session: Session,
    stream: str,
    position: int,
    *,
    memory: Change,
    seen_packs: bytes,
    tuning_id: int,
    now: datetime,
    shard: str = SHARD,
) -> None:
    """Replace the checkpoint; the position may be acknowledged once this is committed."""
    repository.replace_parts(session, shard, memory.parts, count=len(memory.digests))
    values = {
        "stream": stream,
        "position": position,
        "state": b"",
        "parts": len(memory.digests),
        "seen_packs": seen_packs,
        "tuning_id": tuning_id,
        "saved_at": now,
    }
    # Not by `merge`, which would first read what is to be replaced.
    if not repository.replace_checkpoint(session, shard, values):
        session.add(Checkpoint(shard=shard, **values))
        session.flush()

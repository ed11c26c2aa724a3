"""What understanding remembers from message to message, in the bytes of the pipeline's checkpoint."""

from __future__ import annotations

import logging
from typing import Final

import msgspec

from server.ingest.duplicates import SeenPacks
from server.ingest.foreign.topic_map import TopicMap
from server.ingest.foreign.translation import Translation

log = logging.getLogger(__name__)

# No byte that the packs seen alone begin with: MessagePack never uses it.
_WITH_FOREIGN: Final = b"\xc1"


def to_bytes(seen: SeenPacks, translation: Translation) -> bytes:
    packs, foreign = seen.to_bytes(), translation.to_bytes()
    return _WITH_FOREIGN + msgspec.msgpack.encode((packs, foreign)) if foreign else packs


def from_bytes(memory: bytes, topics: TopicMap) -> tuple[SeenPacks, Translation]:
    """Of no bytes: nothing seen. Raises msgspec.ValidationError for what `to_bytes` did not make."""
    packs, foreign = memory, b""
    if memory[:1] == _WITH_FOREIGN:
        packs, foreign = msgspec.msgpack.decode(memory[1:], type=tuple[bytes, bytes])
    seen = SeenPacks.from_bytes(packs) if packs else SeenPacks()
    try:
        return seen, Translation(topics, foreign)
    except msgspec.ValidationError as error:  # of another version: devices announce it again
        log.warning("what foreign devices announced can't be read any more: %s", error)
        return seen, Translation(topics)

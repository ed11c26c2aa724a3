"""Messages that were with the broker and not yet processed when a backup was taken: a file of them."""

from __future__ import annotations

import logging
import struct
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

from server.ingest.source import Message, Source
from server.kit.errors import DataDirectoryError
from server.kit.files import sha256_of
from server.pipeline import Pipeline

log = logging.getLogger(__name__)

WAITING_FILE: Final = "waiting.msgpack"
_LENGTH: Final = struct.Struct(">I")
_BATCH: Final = 512
_WAIT_S: Final = 0.5


async def write_waiting(source: Source, file: Path) -> int:
    """What `source` still has, up to what it has now; returns how many messages. No file for none."""
    count, wanted = 0, await source.lag()
    while count < wanted and (messages := await source.fetch(_BATCH, _WAIT_S)):
        packed = msgspec.msgpack.encode(messages)
        with file.open("ab") as out:
            out.write(_LENGTH.pack(len(packed)) + packed)
        count += len(messages)
    return count


def read_waiting(file: Path) -> Iterator[list[Message]]:
    """In batches. Raises DataDirectoryError where the file is cut short or damaged."""
    with file.open("rb") as packed:
        while head := packed.read(_LENGTH.size):
            try:
                (length,) = _LENGTH.unpack(head)
                yield msgspec.msgpack.decode(packed.read(length), type=list[Message])
            except (struct.error, msgspec.DecodeError) as error:
                raise DataDirectoryError(f"{file} is damaged: {error}; restore it again") from error


def work_off(file: Path, make: Callable[[str], Pipeline]) -> None:
    """Process a restored backup's messages, each once however often this is begun, and remove them."""
    if not file.exists():
        return
    pipeline = make(f"waiting-{sha256_of(file)}")
    done = 0
    for batch in read_waiting(file):
        new: Sequence[Message] = [m for m in batch if m.position > pipeline.position]
        if new:
            pipeline.process(new)
            done += len(new)
    pipeline.checkpoint()
    file.unlink()
    log.info("%d messages that waited when the backup was taken are processed", done)

"""Where messages come from: the port between a broker and the pipeline.

One consumer, one event loop; `fetch` is not called while another `fetch` runs. Messages come in the
order of their positions, each once per source object. A new source starts after the position it is
given, which is the truth: the caller's own checkpoint. `acknowledge` tells the broker what it may
forget; it may lag behind the checkpoint and never runs ahead of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from server.kit.errors import ForewarnError


class SourceError(ForewarnError):
    """Root of the sources' errors.

    SourceError
    └── SourceRewound   the positions known to the caller mean nothing any more
    """


class SourceRewound(SourceError):
    """The stream is shorter than the checkpoint says: its store was wiped or replaced.

    Nothing is read until the caller has decided; a new source with `start_after=0` reads what is there.
    """


@dataclass(frozen=True, slots=True)
class Message:
    """What one device published, as it arrived."""

    position: int
    """Grows from message to message, with gaps; 1 or more."""
    topic: str
    """`devices/{id}/{leaf}`, or a topic of a foreign device; checked by nobody yet."""
    payload: bytes
    received_s: float
    """When it was stored for us, Unix seconds; the same however often it is read."""
    retained: bool = False
    """A copy that a broker kept for new subscribers: of unknown age, where it does not say so itself."""


class Source(Protocol):
    async def fetch(self, max_messages: int, max_wait_s: float) -> list[Message]:
        """The next messages, as soon as there is one; empty after `max_wait_s` without any.

        While the broker is away it answers empty lists and goes on by itself afterwards. Raises
        SourceRewound.
        """
        ...

    async def acknowledge(self, position: int) -> None:
        """Everything up to and including `position` is safe with the caller. Never raises for an
        absent broker: the next acknowledgement covers this one.
        """
        ...

    async def identity(self) -> str:
        """Changes when positions start anew (another store); compare it with the checkpoint's.

        Raises BrokerUnavailable.
        """
        ...

    async def lag(self) -> int:
        """How many messages wait behind the last one fetched, about. Raises BrokerUnavailable."""
        ...

    async def close(self) -> None: ...


def split(messages: Sequence[Message], at: Iterable[int]) -> Iterator[Sequence[Message]]:
    """Parts of a batch that end at the positions `at`, so that each part is done alike."""
    rest = messages
    for position in sorted(set(at)):
        count = sum(message.position <= position for message in rest)
        if count:
            yield rest[:count]
            rest = rest[count:]
    if rest:
        yield rest

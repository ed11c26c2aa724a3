"""The source over a plain MQTT broker (Mosquitto, EMQX, HiveMQ, a cloud's): read from the journal.

`MqttIntakes` fills the journal for as long as the server runs; a `JournalSource` reads it from any
position on, as the contract of sources wants (docs/decisions/0019-plain-mqtt-brokers.md).
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from server.broker.address import BrokerAddress
from server.ingest.intake import Intake
from server.ingest.journal import Journal
from server.ingest.source import Message, SourceRewound

DEVICE_FILTERS: Final = tuple(f"devices/+/{x}" for x in ("telemetry", "state", "events", "results"))
GROUP: Final = "forewarn"
_LOOK_S: Final = 2.0


class JournalSource:
    """The Source port over a journal; reads from the message after `start_after`."""

    def __init__(self, journal: Journal, news: asyncio.Event, *, start_after: int = 0) -> None:
        self._journal = journal
        self._news = news
        self._position = start_after

    async def fetch(self, max_messages: int, max_wait_s: float) -> list[Message]:
        """See Source; raises SourceRewound when the journal is shorter than what was read."""
        deadline_s = time.monotonic() + max_wait_s
        while True:
            self._news.clear()
            if self._position > self._journal.last_position:
                raise SourceRewound(
                    f"the journal ends at {self._journal.last_position} but {self._position} "
                    "was read: its file was replaced"
                )
            messages = await asyncio.to_thread(self._journal.after, self._position, max_messages)
            if messages:
                self._position = messages[-1].position
                return messages
            left_s = deadline_s - time.monotonic()
            if left_s <= 0:
                return []
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), min(left_s, _LOOK_S))

    async def acknowledge(self, position: int) -> None:
        await asyncio.to_thread(self._journal.forget, position)

    async def identity(self) -> str:
        return self._journal.identity

    async def lag(self) -> int:
        return await asyncio.to_thread(self._journal.waiting, self._position)

    async def close(self) -> None:
        """The journal stays open: it belongs to the intakes."""


class MqttIntakes:
    """Every connection that takes in, and their journal. `start` once, `stop` once, on one loop.

    With `workers` above one they share the messages (`$share`): more than one connection's worth, at
    the price that messages of one device may overtake each other by a little.
    """

    def __init__(
        self,
        address: BrokerAddress,
        journal_file: Path,
        *,
        filters: Sequence[str] = DEVICE_FILTERS,
        workers: int = 1,
        max_bytes: int,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        self.journal = Journal(journal_file, max_bytes=max_bytes)
        self._news = asyncio.Event()
        name = f"forewarn-{self.journal.identity[:12]}"
        if workers > 1:
            filters = [f"$share/{GROUP}/{topic_filter}" for topic_filter in filters]
        wanted = [f"{name}-{number}" for number in range(workers)]
        # A worker that there was before keeps its session at the broker: what waits there is taken.
        retired = sorted(self.journal.clients() - set(wanted))
        self._intakes = [Intake(address, n, filters, self.journal, now_s=now_s) for n in wanted]
        self._retired = [Intake(address, n, (), self.journal, now_s=now_s) for n in retired]

    @property
    def connected(self) -> bool:
        return all(intake.connected for intake in self._intakes)

    @property
    def writing(self) -> bool:
        return all(intake.writing for intake in self._intakes)

    def start(self) -> None:
        loop = asyncio.get_running_loop()

        def on_news() -> None:
            with contextlib.suppress(RuntimeError):  # the loop has just ended
                loop.call_soon_threadsafe(self._news.set)

        self.journal.on_news = on_news
        for intake in (*self._intakes, *self._retired):
            intake.start()

    async def stop(self) -> None:
        """What was taken in stays on disk; what was not, stays with the broker."""
        await asyncio.gather(*(asyncio.to_thread(i.stop) for i in (*self._intakes, *self._retired)))
        self.journal.close()

    def source(self, start_after: int) -> JournalSource:
        return JournalSource(self.journal, self._news, start_after=start_after)

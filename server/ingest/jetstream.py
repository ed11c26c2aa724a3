"""The source over the broker's stream: an ordered reader that can start again anywhere.

The reader is a throw-away pull consumer without acknowledgements, made at the position after the last
message received. The broker counts what it delivers to it; a hole in that count, a lost connection or
silence where a heartbeat was due makes a new one from where we are. So order and completeness rest on
positions alone, and the only durable truth is the caller's checkpoint.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from server.broker.config import MAX_PAYLOAD_BYTES
from server.broker.errors import BrokerError
from server.broker.partitions import Partition
from server.broker.stream import MESSAGE_SUBJECTS, PREFIX, STREAM, DeviceStream
from server.broker.subjects import topic_of
from server.ingest.source import Message, SourceRewound

_log = logging.getLogger(__name__)

_NANOSECONDS: Final = 1_000_000_000
_PULL_EXPIRES_S: Final = 30
_HEARTBEAT_S: Final = 2
# Heartbeats missed until the reader counts as lost, in seconds.
_SILENCE_S: Final = 3 * _HEARTBEAT_S
_FORGOTTEN_AFTER_S: Final = 60
_RETRY_PAUSE_S: Final = 0.1
_TRIM_INTERVAL_S: Final = 30.0
_STATUS: Final = "Status"
_HEARTBEAT_STATUS: Final = "100"
_PULL_ENDED: Final = frozenset({"404", "408"})
_SIZE_REACHED: Final = "Message Size Exceeds MaxBytes"
_BATCH_DONE: Final = "Batch Completed"


class JetStreamSource:
    """The Source port over `stream`; reads from the message after `start_after` (0: everything)."""

    def __init__(
        self,
        client: Client,
        stream: DeviceStream,
        *,
        start_after: int = 0,
        partition: Partition | None = None,
        prefetch_messages: int = 2048,
        prefetch_bytes: int = 16 * 2**20,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        """With `partition` it reads and acknowledges that part of the stream only."""
        self._client = client
        self._partition = partition
        self._stream = stream
        self._prefetch_messages = prefetch_messages
        # A pull smaller than the next message would end empty, again and again.
        self._prefetch_bytes = max(prefetch_bytes, 2 * MAX_PAYLOAD_BYTES)
        self._now_s = now_s
        self._received = start_after
        self._returned = start_after
        self._acknowledged = 0
        self._identity: str | None = None
        self._buffer: deque[Message] = deque()
        self._news = asyncio.Event()
        self._reader: _Reader | None = None
        self._trimmed_s = float("-inf")

    async def fetch(self, max_messages: int, max_wait_s: float) -> list[Message]:
        """See Source; raises SourceRewound when the store is not the one read so far."""
        deadline_s = time.monotonic() + max_wait_s
        while True:
            await self._keep_reading()
            if self._buffer:
                count = min(max_messages, len(self._buffer))
                batch = [self._buffer.popleft() for _ in range(count)]
                self._returned = batch[-1].position
                return batch
            left_s = deadline_s - time.monotonic()
            if left_s <= 0:
                return []
            self._news.clear()
            with contextlib.suppress(TimeoutError):
                # In slices: a reader that falls silent does not announce it.
                pause_s = _HEARTBEAT_S if self._reader is not None else _RETRY_PAUSE_S
                await asyncio.wait_for(self._news.wait(), min(left_s, pause_s))

    @property
    def passed(self) -> int:
        """Everything of ours up to this position has been returned by `fetch`."""
        return self._returned if self._buffer else max(self._returned, self._received)

    async def acknowledge(self, position: int) -> None:
        """See Source. The broker drops processed messages here, at most every half a minute."""
        self._acknowledged = max(self._acknowledged, position)
        if time.monotonic() - self._trimmed_s < _TRIM_INTERVAL_S:
            return
        self._trimmed_s = time.monotonic()
        try:
            own = self._partition.own_subjects if self._partition else None
            await self._stream.trim(self._acknowledged, now_s=self._now_s(), subjects=own)
        except BrokerError as error:
            _log.debug("stream was not trimmed: %s", error)

    async def identity(self) -> str:
        return (await self._stream.state()).identity

    async def lag(self) -> int:
        if self._partition is not None:
            return len(self._buffer) + (self._reader.waiting if self._reader else 0)
        return max(0, (await self._stream.state()).last_position - self._returned)

    async def close(self) -> None:
        await self._drop_reader()

    async def _keep_reading(self) -> None:
        """A healthy reader with a pull under way, if the broker lets us."""
        reader = self._reader
        if reader is not None and not reader.healthy():
            await self._drop_reader()
            reader = None
        try:
            if reader is None and self._client.is_connected:
                reader = self._reader = await self._open_reader()
            if reader is not None and len(self._buffer) <= self._prefetch_messages // 2:
                await reader.pull(self._prefetch_messages, self._prefetch_bytes)
        except (BrokerError, nats.errors.Error, OSError) as error:
            _log.debug("no reader yet: %r", error)

    async def _open_reader(self) -> _Reader:
        state = await self._stream.state()
        self._identity = self._identity or state.identity
        if state.identity != self._identity or state.last_position < self._received:
            raise SourceRewound(
                f"the broker's stream ends at {state.last_position} but we have read up to "
                f"{self._received}: its store was wiped or replaced"
            )
        if state.first_position > self._received + 1 and self._partition is None:
            _log.warning(
                "reading starts at %d, the messages from %d on are gone",
                state.first_position,
                self._received + 1,
            )
        made = await self._stream.request(
            f"CONSUMER.CREATE.{STREAM}",
            {
                "stream_name": STREAM,
                "config": {
                    "deliver_policy": "by_start_sequence",
                    "opt_start_seq": self._received + 1,
                    "ack_policy": "none",
                    **self._filter(),
                    "mem_storage": True,
                    "inactive_threshold": _FORGOTTEN_AFTER_S * _NANOSECONDS,
                },
            },
        )
        reader = _Reader(self._client, made["name"], self._receive, self._topic)
        await reader.start()
        return reader

    def _filter(self) -> dict[str, object]:
        if self._partition is None:
            return {"filter_subject": MESSAGE_SUBJECTS}
        return {"filter_subjects": self._partition.subjects}

    def _topic(self, subject: str) -> str | None:
        """None for a message that another partition reads."""
        if self._partition is not None:
            return self._partition.topic(subject)
        return topic_of(subject.removeprefix(PREFIX))

    def _receive(self, position: int, message: Message | None) -> None:
        """From the reader: it is at `position` now, with a message, or without one of ours."""
        self._received = max(self._received, position)
        if message is not None:
            self._buffer.append(message)
        self._news.set()

    async def _drop_reader(self) -> None:
        reader, self._reader = self._reader, None
        if reader is None:
            return
        await reader.stop()
        if self._client.is_connected:
            with contextlib.suppress(BrokerError):
                await self._stream.request(f"CONSUMER.DELETE.{STREAM}.{reader.consumer}")


class _Reader:
    """One throw-away consumer: forwards messages while their count has no hole."""

    def __init__(
        self,
        client: Client,
        consumer: str,
        receive: Callable[[int, Message | None], None],
        topic: Callable[[str], str | None],
    ) -> None:
        self.consumer = consumer
        self._client = client
        self._receive = receive
        self._topic = topic
        self.waiting = 0
        """Messages in the stream behind the last one received."""
        self._inbox = client.new_inbox()
        self._subscription: Subscription | None = None
        self._reconnects: int = client.stats["reconnects"]
        self._delivered = 0
        self._outstanding = 0
        self._heard_s = time.monotonic()
        self._broken = False

    def healthy(self) -> bool:
        """Whether everything delivered so far has arrived, and more may."""
        return not (
            self._broken
            or self._client.stats["reconnects"] != self._reconnects
            or (self._outstanding and time.monotonic() - self._heard_s > _SILENCE_S)
        )

    async def start(self) -> None:
        # A subscriber task of nats-py may fall behind; the pull's size bounds what it can hold.
        on_message: Callable[[Msg], Awaitable[None]] = self._on_message
        self._subscription = await self._client.subscribe(
            self._inbox, cb=on_message, pending_msgs_limit=0, pending_bytes_limit=0
        )

    async def stop(self) -> None:
        self._broken = True
        if self._subscription is not None:
            with contextlib.suppress(nats.errors.Error, OSError):
                await self._subscription.unsubscribe()

    async def pull(self, messages: int, size_bytes: int) -> None:
        """Ask for more, unless an earlier call is still being served."""
        if self._outstanding:
            return
        self._outstanding = messages
        self._heard_s = time.monotonic()
        request = {
            "batch": messages,
            "max_bytes": size_bytes,
            "expires": _PULL_EXPIRES_S * _NANOSECONDS,
            "idle_heartbeat": _HEARTBEAT_S * _NANOSECONDS,
        }
        await self._client.publish(
            f"$JS.API.CONSUMER.MSG.NEXT.{STREAM}.{self.consumer}",
            json.dumps(request).encode(),
            reply=self._inbox,
        )

    async def _on_message(self, raw: Msg) -> None:
        if self._broken:
            return
        self._heard_s = time.monotonic()
        if not raw.reply.startswith("$JS.ACK."):
            self._on_status(raw.headers or {})
            return
        # $JS.ACK.[domain.account.]stream.consumer.tries.position.count.time.pending[.random]
        tokens = raw.reply.split(".")
        at = 5 if len(tokens) == 9 else 7
        self._delivered += 1
        if int(tokens[at + 1]) != self._delivered:
            self._broken = True
            self._receive(0, None)
            return
        self._outstanding -= 1
        self.waiting = int(tokens[at + 3])
        position, topic = int(tokens[at]), self._topic(raw.subject)
        if topic is None:
            self._receive(position, None)
            return
        received_s = int(tokens[at + 2]) / _NANOSECONDS
        self._receive(position, Message(position, topic, raw.data, received_s))

    def _on_status(self, headers: dict[str, str]) -> None:
        """A heartbeat, the end of a pull, or the end of the consumer."""
        status = headers.get(_STATUS)
        if status == _HEARTBEAT_STATUS:
            return
        self._outstanding = 0
        ended = status in _PULL_ENDED or headers.get("Description") in {_SIZE_REACHED, _BATCH_DONE}
        self._broken = not ended
        self._receive(0, None)

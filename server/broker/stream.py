"""The stream that holds what devices sent until the pipeline has it, and the way back to devices.

It is nats-server's own store of MQTT messages, `$MQTT_msgs`, made by us before the server makes it.
Reason: an MQTT message is acknowledged (PUBACK) after it is in that store and on disk, and only then.
A second stream over `devices.>` is filled beside it, later than the PUBACK (measured: 5,000 of 33,000
acknowledged messages lost in one kill -9). When the store is full, publishing is refused, not old
messages dropped: devices keep what has no room here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import nats.errors
from nats.aio.client import Client

from server.broker.errors import BrokerError, BrokerUnavailable

STREAM: Final = "$MQTT_msgs"
PREFIX: Final = "$MQTT.msgs."
_RETAINED: Final = "$MQTT_rmsgs"
MESSAGE_SUBJECTS: Final = f"{PREFIX}>"
_SUBJECTS: Final = (MESSAGE_SUBJECTS,)
_TIMEOUT_S: Final = 5.0
_STREAM_NOT_FOUND: Final = 10059
# Processed messages are dropped when the stream is this full, down to the half of that.
_TRIM_ABOVE: Final = 0.5


@dataclass(frozen=True, slots=True)
class StreamState:
    """Positions are stream sequences, 1 for the first message ever; `identity` changes with a new store."""

    identity: str
    first_position: int
    last_position: int
    messages: int
    stored_bytes: int


class DeviceStream:
    """Administers the stream over one client connection."""

    def __init__(
        self, client: Client, *, max_age_s: float, max_bytes: int, replicas: int = 1
    ) -> None:
        """`replicas` are the nodes of a cluster that hold each message."""
        self._client = client
        self._replicas = replicas
        self._max_age_s = max_age_s
        self._max_bytes = max_bytes

    async def ensure(self) -> StreamState:
        """Make the stream, or bring an existing one to the settings; nothing stored is lost by it."""
        config = {
            "name": STREAM,
            "subjects": list(_SUBJECTS),
            "retention": "limits",
            "storage": "file",
            "discard": "new",
            "max_bytes": self._max_bytes,
            "max_msgs": -1,
            "max_age": 0,
            "max_consumers": -1,
            "num_replicas": self._replicas,
            "allow_direct": True,
        }
        try:
            await self.request(f"STREAM.INFO.{STREAM}")
        except _ApiError as error:
            if error.code != _STREAM_NOT_FOUND:
                raise
            return _state(await self.request(f"STREAM.CREATE.{STREAM}", config))
        return _state(await self.request(f"STREAM.UPDATE.{STREAM}", config))

    async def keep_retained_in_memory(self) -> None:
        """Make nats-server's own store of retained messages, in memory instead of on disk.

        Every birth and every will is retained, and each would cost a second fsync: half of the time
        that a fleet needs to come back. Nobody reads them (a device may hear its own commands only;
        we read the stream), and each device publishes its state anew when it connects.
        """
        config = {
            "name": _RETAINED,
            "subjects": ["$MQTT.rmsgs.>"],
            "retention": "limits",
            "storage": "memory",
            "max_msgs_per_subject": 1,
            "num_replicas": self._replicas,
        }
        try:
            found = await self.request(f"STREAM.INFO.{_RETAINED}")
        except _ApiError as error:
            if error.code != _STREAM_NOT_FOUND:
                raise
        else:
            if found["config"]["storage"] == "memory":
                return
            # Of an earlier version; the kind of storage can't be changed.
            await self.request(f"STREAM.DELETE.{_RETAINED}")
        await self.request(f"STREAM.CREATE.{_RETAINED}", config)

    async def state(self) -> StreamState:
        return _state(await self.request(f"STREAM.INFO.{STREAM}"))

    async def trim(self, processed: int, *, now_s: float, subjects: str | None = None) -> int:
        """Drop messages up to the position `processed` that are too old or too many; the first kept.

        What is not processed stays, however old: nothing acknowledged is lost. `subjects` keeps to
        messages under these.
        """
        state = await self.state()
        keep_from = state.first_position
        if state.messages:
            keep_from = max(keep_from, await self._first_since(now_s - self._max_age_s))
            if state.stored_bytes > _TRIM_ABOVE * self._max_bytes:
                keep_from = max(keep_from, (state.first_position + state.last_position) // 2)
            keep_from = min(keep_from, processed + 1)
        if keep_from > state.first_position:
            which = {} if subjects is None else {"filter": subjects}
            await self.request(f"STREAM.PURGE.{STREAM}", {"seq": keep_from, **which})
        return keep_from

    async def _first_since(self, time_s: float) -> int:
        """Position of the first message that arrived at or after `time_s`."""
        config = {
            "deliver_policy": "by_start_time",
            "opt_start_time": datetime.fromtimestamp(time_s, UTC).isoformat(),
            "ack_policy": "none",
            "mem_storage": True,
            "inactive_threshold": 5_000_000_000,
        }
        made = await self.request(
            f"CONSUMER.CREATE.{STREAM}", {"stream_name": STREAM, "config": config}
        )
        return int(made["delivered"]["stream_seq"]) + 1

    async def request(self, operation: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """One call of the JetStream API; raises BrokerUnavailable, or BrokerError when it refuses."""
        payload = b"" if body is None else json.dumps(body).encode()
        try:
            reply = await self._client.request(f"$JS.API.{operation}", payload, timeout=_TIMEOUT_S)
        except (nats.errors.Error, OSError, TimeoutError) as error:
            raise BrokerUnavailable(f"the broker did not answer: {error!r}") from error
        answer: dict[str, Any] = json.loads(reply.data)
        if "error" in answer:
            raise _ApiError(answer["error"])
        return answer


class _ApiError(BrokerError):
    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(f"the broker refused: {error.get('description', 'no reason given')}")
        self.code = error.get("err_code")


def _state(info: dict[str, Any]) -> StreamState:
    state = info["state"]
    return StreamState(
        identity=str(info["created"]),
        first_position=int(state["first_seq"]),
        last_position=int(state["last_seq"]),
        messages=int(state["messages"]),
        stored_bytes=int(state["bytes"]),
    )

"""One device of the load: connects, says its birth, publishes, waits for PUBACKs, comes back.

It owes its packs by the clock (or owes without end); what it could not send waits, as in a spool, and
is made into bytes only when it is sent. What was sent without a PUBACK is sent again after a reconnect.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import Literal, Protocol, cast

from device_agent.wire import DeviceState, device_topic, encode_state
from server.bench import mqtt_packets as mqtt
from server.bench.credentials import Credential
from server.bench.errors import BenchError
from server.bench.plan import FleetPlan

_STATE_NUMBER = 0xFFFF
_MOST_NUMBER = 0xFFFE


class Watcher(Protocol):
    """Is told what happens to a device."""

    def connected(self, device: LoadDevice) -> None: ...

    def lost(self, device: LoadDevice, *, refused: bool) -> None:
        """The connection ended, or was not let in; `refused` for wrong credentials."""
        ...

    def acknowledged(self, device: LoadDevice, waited_s: float) -> None: ...


Reason = Literal["birth", "will", "shutdown"]
MakePayload = Callable[[int, int, float], bytes]
"""(device's number, pack's number, time of the newest sample) to bytes."""


class LoadDevice(asyncio.Protocol):
    """`start_schedule` once, `pump` whenever something may be due; `hang_up` and `drop` end a link."""

    __slots__ = (
        "_again", "_clock_s", "_first_s", "_in_flight", "_interval_s", "_last_s", "_make", "_next_number", "_plan",
        "_reader", "_span_s", "_state_topic", "_topic", "_transport", "_until", "_watcher",
        "credential", "number", "online", "resent", "seq",
    )  # fmt: skip

    def __init__(
        self,
        number: int,
        credential: Credential,
        plan: FleetPlan,
        make: MakePayload,
        span_s: float,
        watcher: Watcher,
        clock_s: Callable[[], float],
    ) -> None:
        self.number = number
        self.credential = credential
        self.online = False
        self.seq = 0
        """Of the next pack; so many were sent."""
        self.resent = 0
        self._plan = plan
        self._make = make
        self._span_s = span_s
        self._watcher = watcher
        self._clock_s = clock_s
        self._topic = device_topic(credential.device_id, "telemetry").encode()
        self._state_topic = device_topic(credential.device_id, "state")
        self._transport: asyncio.Transport | None = None
        self._reader = mqtt.PacketReader()
        self._in_flight: dict[int, tuple[bytes, float]] = {}
        self._again: list[tuple[bytes, float]] = []
        self._next_number = 0
        self._first_s = math.inf
        self._interval_s = 0.0
        self._last_s = 0.0
        self._until = 0.0

    # -- what is owed

    def start_schedule(self, first_s: float, interval_s: float, until_s: float) -> None:
        """Packs are due every `interval_s` from `first_s` (0: always) until `until_s`, Unix seconds."""
        self._first_s, self._interval_s, self._until = first_s, interval_s, until_s

    def owed(self, now_s: float = math.inf) -> int:
        """Packs due by `now_s`, or by the schedule's end, and not sent yet; 1 or more while owing without end."""
        now_s = min(now_s, self._until)
        if now_s < self._first_s:
            return 0
        if self._interval_s == 0.0:
            return 1 if now_s < self._until else 0
        return int((now_s - self._first_s) / self._interval_s) + 1 - self.seq

    @property
    def linked(self) -> bool:
        """Whether there is a connection, let in or not."""
        return self._transport is not None

    @property
    def unacknowledged(self) -> int:
        return len(self._in_flight) + len(self._again)

    def pump(self, now_s: float) -> None:
        """Send what is due, as far as the window allows."""
        transport = self._transport
        if transport is None or not self.online:
            return
        while len(self._in_flight) < self._plan.in_flight:
            if self._again:
                payload, _ = self._again.pop(0)
                self.resent += 1
            elif self.owed(now_s) > 0:
                payload = self._make(self.number, self.seq, self._newest_s(now_s))
                self.seq += 1
            else:
                return
            number = self._free_number()
            self._in_flight[number] = (payload, now_s)
            transport.write(mqtt.publish(self._topic, number, payload))

    def _newest_s(self, now_s: float) -> float:
        """Time of the next pack's newest sample: when it was due, and later than all before."""
        due_s = self._first_s + self.seq * self._interval_s if self._interval_s else now_s
        self._last_s = max(due_s, self._last_s + self._span_s)
        return self._last_s

    def _free_number(self) -> int:
        while True:
            self._next_number = self._next_number % _MOST_NUMBER + 1
            if self._next_number not in self._in_flight:
                return self._next_number

    # -- the connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Not isinstance: uvloop's transports are none of asyncio's.
        transport = self._transport = cast("asyncio.Transport", transport)
        self._reader = mqtt.PacketReader()
        name = self.credential.device_id
        transport.write(
            mqtt.connect(
                client_id=name,
                username=name,
                password=self.credential.password,
                keepalive_s=self._plan.keepalive_s,
                will=(self._state_topic, self._state("offline", "will")),
            )
        )

    def data_received(self, data: bytes) -> None:
        try:
            for kind, body in self._reader.feed(data):
                self._on_packet(kind, body)
        except BenchError:
            self.drop()

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002 - asyncio's own
        self._fall(refused=False)

    def ping(self) -> None:
        if self._transport is not None and self.online:
            self._transport.write(mqtt.PINGREQ)

    def hang_up(self) -> None:
        """Say goodbye as the agent does; no will is published."""
        transport = self._transport
        if transport is not None and self.online:
            state = self._state("offline", "shutdown")
            transport.write(
                mqtt.publish(self._state_topic.encode(), _STATE_NUMBER, state, retain=True)
            )
            transport.write(mqtt.DISCONNECT)
            transport.close()

    def drop(self) -> None:
        """Cut the connection as a power cut would."""
        if self._transport is not None:
            self._transport.abort()  # `connection_lost` follows

    def _on_packet(self, kind: int, body: bytes) -> None:
        if kind == mqtt.PUBACK:
            self._on_puback(int.from_bytes(body[:2]))
        elif kind == mqtt.CONNACK:
            self._on_connack(body[1] if len(body) > 1 else 255)

    def _on_puback(self, number: int) -> None:
        sent = self._in_flight.pop(number, None)
        if sent is not None:  # else: of the birth
            now_s = self._clock_s()
            self._watcher.acknowledged(self, now_s - sent[1])
            self.pump(now_s)

    def _on_connack(self, code: int) -> None:
        transport = self._transport
        if code or transport is None:
            self.drop()
            self._fall(refused=code in mqtt.REFUSED_CREDENTIALS)
            return
        self.online = True
        commands = device_topic(self.credential.device_id, "commands")
        transport.write(mqtt.subscribe(1, commands, qos=self._plan.subscribe_qos))
        birth = self._state("online", "birth")
        transport.write(mqtt.publish(self._state_topic.encode(), _STATE_NUMBER, birth, retain=True))
        self._watcher.connected(self)
        self.pump(self._clock_s())

    def _fall(self, *, refused: bool) -> None:
        """Offline; what waits for its PUBACK is to be sent again. Once for each connection."""
        if self._transport is None:
            return
        self._transport = None
        self.online = False
        self._again = [*self._in_flight.values(), *self._again]
        self._in_flight.clear()
        self._watcher.lost(self, refused=refused)

    def _state(self, status: Literal["online", "offline"], reason: Reason) -> bytes:
        return encode_state(
            DeviceState(status, reason, self._clock_s(), model="bench", agent_version="bench")
        )

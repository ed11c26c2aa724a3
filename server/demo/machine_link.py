"""One machine's connection: its birth and goodbye, its packs, and what it keeps while it is cut off."""

from __future__ import annotations

import queue
from collections.abc import Callable
from typing import Final, Protocol

import numpy as np

from device_agent.wire import DeviceState, Pack, SensorInfo, encode_pack, encode_state
from server.demo.fleet.machine import Machine, Readings
from server.demo.fleet.roster import Member
from server.demo.fleet.signals import Floats
from server.demo.machine_commands import MachineCommands

_FIRMWARE: Final = "4.2.1"
_AGENT_VERSION: Final = "simulated"
_RECORDS_A_PACK: Final = 6_000


class Connection(Protocol):
    """A machine's connection to the broker: `server.replay.Publisher`, or a list in tests."""

    def publish(self, leaf: str, payload: bytes, *, retain: bool = False) -> None: ...

    def drain(self) -> None: ...

    def close(self) -> None: ...

    def vanish(self) -> None: ...


Connect = Callable[[Member, bytes, Callable[[bytes], None]], Connection]
"""(who, will, what to do with commands) → an open connection."""


class MachineLink:
    """Publishes what its machine measures. While the machine is silent, readings wait in `_backlog`."""

    def __init__(
        self,
        machine: Machine,
        member: Member,
        connect: Connect,
        *,
        boot: str,
        sensors: tuple[SensorInfo, ...],
    ) -> None:
        self.machine = machine
        self.member = member
        self.samples = 0
        self.packs = 0
        self._connect = connect
        self._boot = boot
        self._sensors = sensors
        self._publisher: Connection | None = None
        self._backlog: list[Readings] = []
        self._told: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._commands = MachineCommands(_FIRMWARE)
        self._latest: dict[str, float] = {}

    def advance(self, times_s: Floats, step_s: float) -> None:
        """Let the machine run on; its readings wait until `flush`."""
        if times_s.size:
            self._backlog.append(self.machine.advance(times_s, step_s))

    def forget(self) -> None:
        """Drop what waits: it was published by an earlier run."""
        self._backlog.clear()

    def flush(self, now_s: float) -> None:
        """Publish what waits, unless the machine is silent at `now_s`; raises ReplayError."""
        if self.machine.silent_at(now_s):
            if self._publisher is not None:
                self._publisher.vanish()
                self._publisher = None
            return
        publisher = self._connected(now_s)
        for readings in self._backlog:
            self._latest = readings.latest()
            for pack in _packs(readings):
                payload = encode_pack(pack, device_id=self.member.device_id, form="json")
                publisher.publish("telemetry", payload)
                self.samples += len(pack.names)
                self.packs += 1
        self._backlog.clear()
        while not self._told.empty():
            result = self._commands.answer(self._told.get(), self._latest, now_s=now_s)
            if result is not None:
                publisher.publish("results", result)

    def drain(self) -> None:
        """Returns when the broker has acknowledged everything; raises ReplayError."""
        if self._publisher is not None:
            self._publisher.drain()

    def leave(self, now_s: float) -> None:
        """Say goodbye properly."""
        if self._publisher is not None:
            self._publisher.publish("state", self._state("offline", now_s), retain=True)
            self._publisher.drain()
            self._publisher.close()
            self._publisher = None

    def _connected(self, now_s: float) -> Connection:
        if self._publisher is None:
            will = encode_state(DeviceState("offline", "will", now_s, boot=self._boot))
            self._publisher = self._connect(self.member, will, self._told.put)
            self._publisher.publish("state", self._state("online", now_s), retain=True)
        return self._publisher

    def _state(self, status: str, now_s: float) -> bytes:
        if status == "offline":
            return encode_state(DeviceState("offline", "shutdown", now_s, boot=self._boot))
        return encode_state(
            DeviceState(
                "online",
                "birth",
                now_s,
                boot=self._boot,
                model=self.member.model,
                firmware=_FIRMWARE,
                agent_version=_AGENT_VERSION,
                sensors=self._sensors,
            )
        )


def sensors_of(readings: Readings) -> tuple[SensorInfo, ...]:
    """What the machine offers, as its birth says it."""
    return tuple(SensorInfo(m.name, m.unit, "simulated", (m.low, m.high)) for m in readings.metrics)


def _packs(readings: Readings) -> list[Pack]:
    """SenML packs in the order of time, none larger than the wire likes. Without boot and seq: a pack
    sent again by a later run is recognised by its names and times.
    """
    width = len(readings.metrics)
    names = [m.name for m in readings.metrics]
    units = [m.unit for m in readings.metrics]
    table = np.stack(readings.columns, axis=1)
    rows = max(1, _RECORDS_A_PACK // width)
    packs = []
    for begin in range(0, len(readings.times_s), rows):
        times_s = readings.times_s[begin : begin + rows]
        packs.append(
            Pack(
                boot=None,
                seq=None,
                names=names * len(times_s),
                times_s=np.repeat(times_s, width).tolist(),
                values=table[begin : begin + rows].ravel().tolist(),
                units=units * len(times_s),
            )
        )
    return packs

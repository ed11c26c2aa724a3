"""The fleet as a process of its own, as real devices would be: `python -m server.demo.fleet_process`.

Reads its plan from standard input, says `Loaded` on standard output, shows its progress on standard
error, and ends when standard input does.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

import msgspec
import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from device_agent.wire import SensorInfo
from server.demo.fleet.machine import Machine
from server.demo.fleet.roster import FLEET, Member, machines, script
from server.demo.fleet_run import FleetRun
from server.demo.machine_link import MachineLink, sensors_of
from server.demo.plan import Plan, Repair
from server.replay import Publisher, ReplayError

_WINDOW: Final = 4
_PATIENCE_S: Final = 120.0


class Repairs:
    """Lines that come on standard input while the fleet runs, applied between two readings."""

    def __init__(self, fleet: Sequence[Machine], lines: Iterable[bytes]) -> None:
        self._input = lines
        self._fleet = {machine.device_id: machine for machine in fleet}
        self._lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._over = threading.Event()

    def listen(self) -> None:
        threading.Thread(target=self._read, name="repairs", daemon=True).start()

    def wait(self, seconds: float) -> bool:
        """Sleep; True when it is over."""
        with contextlib.suppress(queue.Empty):
            while line := self._lines.get_nowait():
                self.apply(msgspec.json.decode(line, type=Repair))
        return self._over.wait(seconds) if seconds > 0 else self._over.is_set()

    def apply(self, repair: Repair) -> None:
        if repair.device_id in self._fleet:
            self._fleet[repair.device_id].repair(repair.at_s)

    def end(self) -> None:
        self._over.set()

    def _read(self) -> None:
        for line in self._input:
            self._lines.put(line)
        self._over.set()


def main() -> int:
    # Not sys.stdin: a thread that waits in it blocks the interpreter's end.
    told = os.fdopen(os.dup(0), "rb")
    plan = msgspec.json.decode(told.readline(), type=Plan)
    fleet = machines(seed=plan.seed, faults=script(plan.began_s, plan.returned_s))
    repairs = Repairs(fleet, told)
    for device_id, at_s in plan.repairs.items():
        repairs.apply(Repair(device_id, at_s))
    # Ctrl-C reaches the whole terminal: whoever started us says when it is over.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: repairs.end())
    repairs.listen()
    run = FleetRun(plan, _links(plan, fleet), clock_s=time.time, wait=repairs.wait)
    try:
        with _shown() as advanced:
            loaded = run.load(advanced)
        sys.stdout.buffer.write(msgspec.json.encode(loaded) + b"\n")
        sys.stdout.flush()
        run.live()
        run.end()
    except ReplayError as error:
        sys.stderr.write(f"fleet: {error.message}\n")
        return 1
    return 0


def _links(plan: Plan, fleet: Sequence[Machine]) -> list[MachineLink]:
    def connect(member: Member, will: bytes, told: Callable[[bytes], None]) -> Publisher:
        publisher = Publisher(
            plan.mqtt,
            member.device_id,
            plan.passwords[member.device_id],
            client_id=member.device_id,
            window=_WINDOW,
            patience_s=_PATIENCE_S,
            will=will,
            on_command=told,
        )
        publisher.connect()
        return publisher

    boot = f"demo-{int(time.time())}"
    return [
        MachineLink(machine, member, connect, boot=boot, sensors=_sensors(machine))
        for machine, member in zip(fleet, FLEET, strict=True)
    ]


def _sensors(machine: Machine) -> tuple[SensorInfo, ...]:
    return sensors_of(machine.advance(np.empty(0), 1.0))


@contextlib.contextmanager
def _shown() -> Iterator[Callable[[float], None]]:
    with Progress(
        TextColumn("two weeks of twelve machines, through MQTT"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
    ) as progress:
        task = progress.add_task("history", total=1.0)
        yield lambda share: progress.update(task, completed=share)


if __name__ == "__main__":
    sys.exit(main())

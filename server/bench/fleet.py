"""All devices of a load in one event loop: connected, kept publishing, dropped and back, drained.

One loop and one process: a message costs it some 30 µs, so that the load generator takes little from
the machine it measures. What it costs is in its report.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from random import Random

from server.bench.credentials import Credential
from server.bench.device import LoadDevice
from server.bench.errors import BenchError
from server.bench.payloads import PayloadMaker
from server.bench.plan import FleetPlan
from server.bench.report import Report

_TICK_S = 0.002
_AT_ONCE = 500
"""Connections being made at a time: more only wait in the listener's queue."""
_LET_IN_WITHIN_S = 30.0
_ALL_WITHIN_S = 120.0
_BACKOFF_FIRST_S, _BACKOFF_MOST_S = 0.25, 8.0
_UNPACED_INTERVAL_S = 1e-5
"""Between samples of a device that sends without pause."""
_REFUSALS_BELIEVED = 3
_GOODBYE_WITHIN_S = 10.0
_TOLD_EVERY_S = 5.0

Tell = Callable[[str], None]


class Fleet:
    """`run` once. Implements the devices' Watcher."""

    def __init__(
        self,
        plan: FleetPlan,
        credentials: Sequence[Credential],
        *,
        tell: Tell = lambda _line: None,
        clock_s: Callable[[], float] = time.time,
        seed: int = 1,
    ) -> None:
        if not credentials:
            raise BenchError("a fleet needs one device at least")
        self._plan = plan
        self._tell = tell
        self._clock_s = clock_s
        self._random = Random(seed)  # noqa: S311 - jitter, not secrets
        self._period_s = len(credentials) / plan.packs_per_s if plan.packs_per_s else 0.0
        times = max(1, plan.pack_samples // plan.metrics)
        interval_s = self._period_s / times if self._period_s else _UNPACED_INTERVAL_S
        maker = PayloadMaker(
            pack_samples=plan.pack_samples,
            metrics=plan.metrics,
            interval_s=interval_s,
            boot=f"bench-{int(clock_s())}",
            seed=seed,
        )
        # Half the interval between packs: a clock's last digit must not push packs apart.
        span_s = maker.span_s / 2 if self._period_s else maker.span_s
        self.devices = [
            LoadDevice(number, credential, plan, maker.payload, span_s, self, clock_s)
            for number, credential in enumerate(credentials)
        ]
        self.report = Report(len(self.devices), maker.times * maker.metrics)
        self.online = 0
        self._ending = False
        self._everyone = asyncio.Event()
        self._failure: asyncio.Future[str] | None = None
        self._address = f"{plan.host}:{plan.port}"
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._tries: dict[int, int] = {}
        self._answers: dict[int, asyncio.Future[None]] = {}
        self._connecting: set[asyncio.Task[None]] = set()

    async def run(self) -> Report:
        """Connect all, publish for the plan's duration, drain, say goodbye."""
        report, loop = self.report, asyncio.get_running_loop()
        cpu_s = time.process_time()
        beside = [
            asyncio.create_task(work) for work in (self._tell_now_and_then(), self._keep_alive())
        ]
        try:
            report.connected_s = await self._all_online()
            await asyncio.sleep(self._plan.settle_s)
            began = loop.time()
            self._start_schedules()
            await self._publish(began)
            report.publishing_s = loop.time() - began
            await self._drain()
            report.drained_s = loop.time() - began - report.publishing_s
            self._tell(f"{report.acknowledged} packs acknowledged")
            await asyncio.sleep(self._plan.settle_s)
        finally:
            for task in beside:
                task.cancel()
            report.cpu_s = time.process_time() - cpu_s
            self._count()
            await self._say_goodbye()
        return report

    def _start_schedules(self) -> None:
        now_s, period_s, count = self._clock_s(), self._period_s, len(self.devices)
        for device in self.devices:
            # Spread over the first period: devices have no common beat.
            first_s = now_s + period_s * (device.number + 1) / count
            device.start_schedule(first_s, period_s, now_s + self._plan.duration_s)
            device.pump(now_s)

    async def _publish(self, began: float) -> None:
        loop, plan = asyncio.get_running_loop(), self._plan
        storm_at = plan.storm_after_s
        done = 0
        while (elapsed_s := loop.time() - began) < plan.duration_s:
            if storm_at is not None and elapsed_s >= storm_at:
                storm_at = None
                self._start_storm()
            if self._period_s:
                due = int(elapsed_s * plan.packs_per_s)
                now_s = self._clock_s()
                # After a pause more is due than there are devices: once around is enough.
                for number in range(max(done, due - len(self.devices)), due):
                    self.devices[number % len(self.devices)].pump(now_s)
                done = due
            await asyncio.sleep(_TICK_S)

    def _start_storm(self) -> None:
        self._tell(f"cutting {self.online} connections")
        self._everyone.clear()
        self.report.storms += 1
        storm = asyncio.create_task(self._storm())
        self._connecting.add(storm)
        storm.add_done_callback(self._connecting.discard)
        for device in self.devices:
            device.drop()

    async def _storm(self) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        await self._everyone.wait()
        self.report.storm_s = loop.time() - began
        self._tell(f"all {self.online} are back after {self.report.storm_s:.1f} s")

    async def _drain(self) -> None:
        """Until everything due by the schedule's end is acknowledged, or patience ends."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._plan.drain_s
        while loop.time() < deadline:
            now_s = self._clock_s()
            for device in self.devices:
                device.pump(now_s)
            if not any(d.unacknowledged or d.owed() > 0 for d in self.devices):
                return
            await asyncio.sleep(0.02)

    def _count(self) -> None:
        report = self.report
        report.sent = sum(device.seq for device in self.devices)
        report.resent = sum(device.resent for device in self.devices)
        report.unacknowledged = sum(device.unacknowledged for device in self.devices)
        report.owed = sum(max(0, device.owed()) for device in self.devices)

    async def _say_goodbye(self) -> None:
        self._ending = True
        for task in list(self._connecting):
            task.cancel()
        await asyncio.gather(*self._connecting, return_exceptions=True)
        for device in self.devices:
            device.hang_up()
        deadline = self._loop_s() + _GOODBYE_WITHIN_S
        while any(device.linked for device in self.devices) and self._loop_s() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        for device in self.devices:
            device.drop()
        await asyncio.sleep(0)

    @staticmethod
    def _loop_s() -> float:
        return asyncio.get_running_loop().time()

    # -- connections

    async def _all_online(self) -> float:
        loop = asyncio.get_running_loop()
        began = loop.time()
        self._failure = failure = loop.create_future()
        for device in self.devices:
            self._connect_later(device, 0.0)
        everyone = asyncio.ensure_future(self._everyone.wait())
        done, _ = await asyncio.wait(
            {everyone, failure}, timeout=_ALL_WITHIN_S, return_when=asyncio.FIRST_COMPLETED
        )
        self._failure = None
        if failure in done:
            everyone.cancel()
            raise BenchError(failure.result())
        if not done:
            everyone.cancel()
            raise BenchError(
                f"{self.online} of {len(self.devices)} devices were let in "
                f"within {_ALL_WITHIN_S:.0f} s"
            )
        seconds = loop.time() - began
        self._tell(f"{len(self.devices)} connected after {seconds:.1f} s")
        return seconds

    def _fail(self, why: str) -> None:
        """What ends the run while not everyone has been let in for the first time."""
        if self._failure is not None and not self._failure.done():
            self._failure.set_result(why)

    def _connect_later(self, device: LoadDevice, pause_s: float) -> None:
        task = asyncio.create_task(self._connect(device, pause_s))
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)

    async def _connect(self, device: LoadDevice, pause_s: float) -> None:
        """One try; what follows a failure is decided in `lost`."""
        await asyncio.sleep(pause_s)
        loop = asyncio.get_running_loop()
        async with self._slots:
            answer = self._answers[device.number] = loop.create_future()
            began = loop.time()
            try:
                await loop.create_connection(lambda: device, self._plan.host, self._plan.port)
            except OSError as error:
                self._fail(
                    f"no broker answers at {self._address} ({error}); is the server running?"
                )
                self.lost(device, refused=False)
                return
            try:
                await asyncio.wait_for(answer, _LET_IN_WITHIN_S)
            except TimeoutError:
                device.drop()
                return
        if device.online:
            self.report.connect_ms.append((loop.time() - began) * 1e3)

    # -- what devices tell

    def connected(self, device: LoadDevice) -> None:
        self.online += 1
        self._tries.pop(device.number, None)
        self._answer(device)
        if self.online == len(self.devices):
            self._everyone.set()

    def lost(self, device: LoadDevice, *, refused: bool) -> None:
        was_online = device.number not in self._answers
        self._answer(device)
        if self._ending:
            return
        if refused:
            self.report.refused += 1
            # A broker that could not ask about the password in time says the same.
            if self._tries.get(device.number, 0) + 1 >= _REFUSALS_BELIEVED:
                self._fail(
                    f"the broker refuses device {device.credential.device_id!r}: "
                    "unknown device or wrong password"
                )
        if was_online:
            self.online -= 1
        tries = self._tries[device.number] = self._tries.get(device.number, 0) + 1
        self.report.reconnects += 1
        most_s = min(_BACKOFF_MOST_S, _BACKOFF_FIRST_S * 2.0 ** min(tries, 10))
        self._connect_later(device, self._random.uniform(0.5, 1.0) * most_s)

    def _answer(self, device: LoadDevice) -> None:
        answer = self._answers.pop(device.number, None)
        if answer is not None and not answer.done():
            answer.set_result(None)

    def acknowledged(self, device: LoadDevice, waited_s: float) -> None:  # noqa: ARG002
        self.report.acknowledged += 1
        self.report.puback_ms.append(waited_s * 1e3)

    async def _tell_now_and_then(self) -> None:
        loop = asyncio.get_running_loop()
        began, before = loop.time(), 0
        while True:
            await asyncio.sleep(_TOLD_EVERY_S)
            now = self.report.acknowledged
            samples_per_s = (now - before) / _TOLD_EVERY_S * self.report.pack_samples
            before = now
            self._tell(
                f"{loop.time() - began:4.0f} s  {self.online} of {len(self.devices)} connected  "
                f"{samples_per_s:,.0f} samples/s acknowledged"
            )

    async def _keep_alive(self) -> None:
        while True:
            await asyncio.sleep(self._plan.keepalive_s / 2)
            for device in self.devices:
                device.ping()

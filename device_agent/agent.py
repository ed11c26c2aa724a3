"""The agent, told once: sense → pack → spool → send, and commands back.

The main thread senses, the uplink's thread sends, the commands' thread does as asked. Between them lies
the spool, so that sensing goes on without a broker and a broker's acknowledgement is the only thing that
removes a message. Whatever ends the process, what is in the spool goes out next time.
"""

import queue
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Final

from device_agent import log
from device_agent.backoff import Backoff
from device_agent.commands import (
    AboutAgent,
    Calibration,
    CommandDesk,
    CommandLedger,
    CommandRunner,
    Machine,
    Offer,
    builtin_offers,
)
from device_agent.link import Link
from device_agent.outbox import Outbox
from device_agent.packer import Packer
from device_agent.presence import Presence
from device_agent.programs import end_programs
from device_agent.reboots import note_leaving, reboot_event
from device_agent.sampler import Sampler, Taken
from device_agent.sensors.port import AnySource
from device_agent.settings import AgentSettings
from device_agent.spool import open_spool
from device_agent.systemd import tell_systemd
from device_agent.upkeep import Upkeep
from device_agent.uplink import Uplink
from device_agent.uplink_lanes import Lanes
from device_agent.wire import DeviceEvent
from device_agent.wire.pack import ABSOLUTE_FROM_S

if TYPE_CHECKING:  # loaded only where a serial line is configured
    from device_agent.bridge.bridges import Bridges

# Leaving takes 5 s at most: this for sending, the rest for the farewell and the disk.
_FLUSH_S: Final = 3.0
_LONGEST_WAIT_S: Final = 30.0
_LAST_COMMAND_S: Final = 0.5
_SETTLE_S: Final = 1.0


class Agent:
    """Put together from its parts; ``run`` returns after ``stop``. Raises SpoolError at birth."""

    def __init__(
        self,
        settings: AgentSettings,
        sources: list[AnySource],
        *,
        password: str,
        boot: str,
        now: Callable[[], float],
        monotonic: Callable[[], float],
        rng: Random,
        offers: Sequence[Offer] = (),
        bridges: "Bridges | None" = None,
    ) -> None:
        self._settings = settings
        self._bridges = bridges
        self._boot = boot
        self._now = now
        self._directory = Path(settings.spool.directory)
        # "Go on" or not. Simple, because its put may be called from a signal handler.
        self._inbox: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._has_clock = True
        # Sense…
        calibration = Calibration(self._directory / "calibration.json")
        self._sampler = Sampler(
            sources,
            now=now,
            monotonic=monotonic,
            settle_s=_SETTLE_S,
            offsets=calibration.offsets,
            on_ready=self._look,
        )
        device_id = settings.device_id
        self._packer = Packer(
            settings.packs_as_sent(),
            device_id=device_id,
            boot=boot,
            monotonic=monotonic,
            is_online=lambda: self._uplink.is_up,
        )
        # …spool…
        self._spool, self._without_disk = open_spool(settings.spool, monotonic=monotonic)
        self._upkeep = Upkeep(
            self._spool,
            settings.spool.keep_days,
            tell=tell_systemd,
            now=now,
            monotonic=monotonic,
        )
        self._outbox = Outbox(self._spool, now=now)
        # …do as asked…
        self._desk = self._desk_of(calibration, offers, monotonic)
        # …and send.
        self._presence = self._presence_of(sources)
        self._uplink = self._uplink_of(self._presence, password, rng, monotonic)
        self._outbox.on_put = self._uplink.wake

    def _desk_of(
        self, calibration: Calibration, offers: Sequence[Offer], monotonic: Callable[[], float]
    ) -> CommandDesk:
        settings, report = self._settings.commands, self._outbox.post_event
        ledger = CommandLedger(None if self._without_disk else self._directory / "commands.db")
        leaving, counts = threading.Event(), Counter[str]()
        about = AboutAgent(self._boot, self._now(), self._now)
        machine = Machine(settings, self._sampler, self._spool, calibration, about, leaving, report)
        runner = CommandRunner(
            [*builtin_offers(machine, counts), *offers],
            settings.allow,
            ledger,
            now=self._now,
            monotonic=monotonic,
            report=report,
            counts=counts,
        )
        return CommandDesk(
            runner,
            ledger,
            leaving=leaving,
            answer=partial(self._outbox.post, "results"),
            report=report,
            now=self._now,
        )

    def _presence_of(self, sources: list[AnySource]) -> Presence:
        bridges = self._bridges
        return Presence(
            self._settings,
            sources,
            self._outbox,
            boot=self._boot,
            now=self._now,
            more_sensors=lambda: bridges.sensors if bridges else (),
        )

    def _uplink_of(
        self, presence: Presence, password: str, rng: Random, monotonic: Callable[[], float]
    ) -> Uplink:
        settings = self._settings
        return Uplink(
            self._spool,
            presence,
            on_command=self._desk.take,
            make_link=partial(
                Link, settings.broker, device_id=settings.device_id, password=password
            ),
            lanes=Lanes(
                self._spool,
                backlog_per_s=settings.spool.backlog_per_s,
                in_order_within_s=settings.spool.in_order_within_s,
                monotonic=monotonic,
            ),
            max_inflight=settings.broker.max_inflight,
            backoff=Backoff(first_s=1.0, cap_s=60.0, rng=rng),
            slow_backoff=Backoff(first_s=2.0, cap_s=300.0, rng=rng),
            announcements=presence.announcements(),
            now=self._now,
            monotonic=monotonic,
            on_failed=self.stop,
        )

    def run(self) -> bool:
        """Work until stopped, then send what can still be sent; False: a part of it failed."""
        log.info("agent started", device=self._settings.device_id, boot=self._boot)
        self._tell_past()
        self._desk.start()
        self._uplink.start()
        if self._bridges:
            self._bridges.start(self._look)
        tell_systemd("READY=1")
        while True:
            self._sense()
            self._upkeep.turn()
            if not self._goes_on():
                break
        self._leave()
        return not self._uplink.has_failed

    def stop(self) -> None:
        """Ask ``run`` to end; safe from a signal handler's thread."""
        self._inbox.put(False)

    def _look(self) -> None:
        """Have the main thread take what a worker has read."""
        if self._inbox.empty():
            self._inbox.put(True)

    def _goes_on(self) -> bool:
        """Wait until something is due; False when it is time to leave."""
        try:
            return self._inbox.get(timeout=self._wait_s())
        except queue.Empty:
            return True

    def _sense(self) -> None:
        """Read what is due; without a set clock nothing could be dated, so nothing is read."""
        has_clock = self._now() >= ABSOLUTE_FROM_S
        if has_clock != self._has_clock:
            self._has_clock = has_clock
            log.warning("clock is set" if has_clock else "clock is not set: nothing is read")
        if has_clock:
            self._send(self._sampler.take_due())
            if self._bridges:
                self._send(self._bridges.take())
                if self._bridges.has_new_sensors() and self._uplink.is_up:
                    # What a microcontroller announces after the birth is told by another one.
                    self._outbox.post("state", self._presence.state("online", "birth"))
        self._post(self._packer.close_if_old())
        self._outbox.flush()

    def _send(self, taken: Taken) -> None:
        self._post(self._packer.add(taken.readings))
        for event in taken.events:
            log.warning(event.kind.replace("_", " "), **event.detail)
            self._outbox.post_event(event)

    def _post(self, payloads: list[bytes]) -> None:
        for payload in payloads:
            self._outbox.post("telemetry", payload)

    def _wait_s(self) -> float:
        due_s = self._sampler.wait_s() if self._has_clock else _LONGEST_WAIT_S
        return max(0.0, min(due_s, self._packer.wait_s(), _LONGEST_WAIT_S))

    def _tell_past(self) -> None:
        if self._without_disk:
            log.warning("the spool is in memory only", reason=self._without_disk)
            reason = {"reason": self._without_disk[:500]}
            self._outbox.post_event(DeviceEvent("spool_fault", self._now(), {**reason}))
        if event := reboot_event(self._directory, self._now()):
            self._outbox.post_event(event)

    def _leave(self) -> None:
        tell_systemd("STOPPING=1")
        note_leaving(self._directory)
        if self._bridges:
            self._bridges.stop()
            self._send(self._bridges.take())
        self._desk.stop(_LAST_COMMAND_S)
        end_programs()
        self._post(self._packer.close())
        self._uplink.stop(_FLUSH_S)
        left = self._spool.depth().count
        self._spool.close()
        log.info("agent stopped", left_in_spool=left)

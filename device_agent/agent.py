"""The agent, told once: sense → pack → spool → send, and commands back.

The main thread senses and answers; the uplink's thread sends. Between them lies the spool, so that
sensing goes on without a broker and a broker's acknowledgement is the only thing that removes a
message. Whatever ends the process, what is in the spool goes out next time.
"""

import queue
from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random
from typing import Final

from device_agent import log
from device_agent.backoff import Backoff
from device_agent.builtin_commands import AboutAgent, builtin_handlers
from device_agent.commands import CommandRunner
from device_agent.ledger import CommandLedger
from device_agent.link import Link
from device_agent.outbox import Outbox
from device_agent.packer import Packer
from device_agent.presence import Presence
from device_agent.reboots import reboot_event
from device_agent.sampler import Sampler, Taken
from device_agent.sensors.port import AnySource
from device_agent.settings import AgentSettings
from device_agent.spool import SqliteSpool
from device_agent.uplink import Uplink
from device_agent.wire.pack import ABSOLUTE_FROM_S

# Leaving takes 5 s at most: this for sending, the rest for the farewell and the disk.
_FLUSH_S: Final = 3.0
_LONGEST_WAIT_S: Final = 30.0
_WAITING_COMMANDS: Final = 100
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
    ) -> None:
        self._settings = settings
        self._boot = boot
        self._now = now
        self._directory = Path(settings.spool.directory)
        # Simple, because its put may be called from a signal handler.
        self._inbox: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._has_clock = True
        # Sense…
        self._sampler = Sampler(sources, now=now, monotonic=monotonic, settle_s=_SETTLE_S)
        device_id = settings.device_id
        self._packer = Packer(settings.packs, device_id=device_id, boot=boot, monotonic=monotonic)
        # …spool…
        self._spool = SqliteSpool(self._directory, settings.spool.quota_bytes)
        self._outbox = Outbox(self._spool, now=now)
        # …send…
        self._uplink = Uplink(
            self._spool,
            Presence(settings, sources, self._outbox, boot=boot, now=now),
            on_command=self._take,
            make_link=partial(Link, settings.broker, device_id=device_id, password=password),
            max_inflight=settings.broker.max_inflight,
            backoff=Backoff(first_s=1.0, cap_s=60.0, rng=rng),
            now=now,
            monotonic=monotonic,
            on_failed=self.stop,
        )
        self._outbox.on_put = self._uplink.wake
        # …and do as asked.
        self._ledger = CommandLedger(self._directory / "commands.db")
        about = AboutAgent(boot, now(), now)
        handlers = builtin_handlers(self._sampler, self._send, self._spool, about)
        self._commands = CommandRunner(handlers, settings.commands.allow, self._ledger, now=now)

    def run(self) -> bool:
        """Work until stopped, then send what can still be sent; False: a part of it failed."""
        log.info("agent started", device=self._settings.device_id, boot=self._boot)
        self._tell_past()
        self._uplink.start()
        while True:
            self._sense()
            try:
                payload = self._inbox.get(timeout=self._wait_s())
            except queue.Empty:
                continue
            if payload is None:
                break
            if answer := self._commands.run(payload):
                self._outbox.post("results", answer)
        self._leave()
        return not self._uplink.has_failed

    def stop(self) -> None:
        """Ask ``run`` to end; safe from a signal handler's thread."""
        self._inbox.put(None)

    def _sense(self) -> None:
        """Read what is due; without a set clock nothing could be dated, so nothing is read."""
        has_clock = self._now() >= ABSOLUTE_FROM_S
        if has_clock != self._has_clock:
            self._has_clock = has_clock
            log.warning("clock is set" if has_clock else "clock is not set: nothing is read")
        if has_clock:
            self._send(self._sampler.take_due())
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
        if self._spool.set_aside:
            log.warning("the spool was broken and is set aside", file=self._spool.set_aside)
        if event := reboot_event(self._directory, self._now()):
            self._outbox.post_event(event)

    def _take(self, payload: bytes) -> None:
        """Queue a command for the main thread; too many at once are left to the server's retry."""
        if self._inbox.qsize() < _WAITING_COMMANDS:
            self._inbox.put(payload)

    def _leave(self) -> None:
        self._post(self._packer.close())
        self._uplink.stop(_FLUSH_S)
        left = self._spool.depth().count
        self._ledger.close()
        self._spool.close()
        log.info("agent stopped", left_in_spool=left)

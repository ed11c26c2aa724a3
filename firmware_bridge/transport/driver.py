"""The thread that owns one line: opens it, lets the protocol speak, opens it again after it was unplugged.

The caller never waits: ``events`` takes what is there, ``command`` only queues. Events are bounded; when nobody takes them
the oldest go and are counted. Time comes from outside, once per turn.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from firmware_bridge.errors import CommandRefused, PortError, PortGone
from firmware_bridge.framing.tally import Tally
from firmware_bridge.messages.events import CommandEnded, Event, Outcome
from firmware_bridge.protocols.port import Protocol
from firmware_bridge.transport.port import Transport

LONGEST_WAIT_S: Final = 0.5
SHORTEST_WAIT_S: Final = 0.001
MAX_EVENTS: Final = 10_000
MAX_COMMANDS: Final = 64


@dataclass(frozen=True, slots=True)
class PortOpened:
    """The line is there; ``device`` is the real path of this time."""

    time_s: float
    port: str
    device: str


@dataclass(frozen=True, slots=True)
class PortClosed:
    """The line is not there, or not ours; told once until it opens again, or until the reason changes."""

    time_s: float
    port: str
    reason: str


DriverEvent = Event | PortOpened | PortClosed


class Driver:
    """Runs one protocol over one transport until ``stop``."""

    def __init__(
        self,
        transport: Transport,
        protocol: Protocol,
        *,
        clock: Callable[[], float] = time.time,
        retry_s: float = 1.0,
        notify: Callable[[], None] | None = None,
    ) -> None:
        self.dropped_events = 0
        self._transport = transport
        self._protocol = protocol
        self._clock = clock
        self._retry_s = retry_s
        self._notify = notify
        self._events: deque[DriverEvent] = deque()
        self._inbox: deque[tuple[str, str, tuple[int | str, ...]]] = deque()
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._lent = False
        self._is_free = threading.Event()
        self._given_back = threading.Event()
        self._said: str | None = None
        self._thread = threading.Thread(
            target=self._run, name=f"bridge {transport.name}", daemon=True
        )

    @property
    def port(self) -> str:
        """The configured port."""
        return self._transport.name

    @property
    def tally(self) -> Tally:
        """Running totals of the protocol; read only."""
        return self._protocol.tally

    def start(self) -> None:
        """Begin; once."""
        self._thread.start()

    def stop(self, timeout_s: float = 5.0) -> bool:
        """End the thread and let the port go; returns whether it did within ``timeout_s``."""
        self._stopped.set()
        self._transport.wake()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def lend(self, timeout_s: float = 5.0) -> bool:
        """Let the port go until ``take_back``, for who writes firmware; returns whether it is free within ``timeout_s``.

        Commands are refused meanwhile. Nothing is told of it: the protocol finds the other end anew.
        """
        self._given_back.clear()
        self._is_free.clear()
        self._lent = True
        self._transport.wake()
        return self._is_free.wait(timeout_s) or not self._thread.is_alive()

    def take_back(self) -> None:
        """Open the port again; without ``lend`` before, nothing."""
        self._lent = False
        self._given_back.set()

    def events(self) -> list[DriverEvent]:
        """Take what has happened since the last call. Never waits."""
        with self._lock:
            taken = list(self._events)
            self._events.clear()
        return taken

    def command(self, key: str, name: str, arguments: Sequence[int | str] = ()) -> None:
        """Queue a command; its end comes as `CommandEnded` with ``key``. Never waits."""
        with self._lock:
            room = len(self._inbox) < MAX_COMMANDS
            if room:
                self._inbox.append((key, name, tuple(arguments)))
        if not room:
            why = "too many commands are waiting"
            self._emit([CommandEnded(self._clock(), key, Outcome.REFUSED, 0, why)])
        self._transport.wake()

    def _run(self) -> None:
        try:
            while not self._stopped.is_set():
                if self._lent:
                    self._stay_away()
                    continue
                try:
                    device = self._transport.open()
                except PortError as error:
                    self._closed(error)
                    self._refuse_all("the port is closed")
                    self._pause()
                    continue
                self._said = None
                now_s = self._clock()
                self._emit([PortOpened(now_s, self.port, device), *self._protocol.reopened(now_s)])
                try:
                    while not (self._stopped.is_set() or self._lent):
                        self._turn()
                except PortGone as error:
                    self._closed(error)
                except Exception as error:  # noqa: BLE001 - a fault of ours must not silence the line for good
                    self._closed(PortGone(self.port, f"fault in the bridge: {error!r}"))
                    self._transport.close()
                    self._pause()
        finally:
            self._transport.close()

    def _turn(self) -> None:
        protocol = self._protocol
        now_s = self._clock()
        self._take_commands(now_s)
        self._emit(protocol.tick(now_s))
        while out := protocol.take_outgoing(now_s):
            self._transport.write(out)
        wait_s = protocol.wake_s - now_s
        data = self._transport.read(min(max(wait_s, SHORTEST_WAIT_S), LONGEST_WAIT_S))
        if data:
            self._emit(protocol.receive(data, self._clock()))

    def _stay_away(self) -> None:
        """Close the line and wait until it is given back."""
        self._transport.close()
        while self._lent and not self._stopped.is_set():
            # Again and again: it may be given back and lent anew before this thread has looked.
            self._is_free.set()
            self._refuse_all("its firmware is being written")
            self._given_back.wait(LONGEST_WAIT_S)

    def _pause(self) -> None:
        until_s = time.monotonic() + self._retry_s
        while not (self._stopped.is_set() or self._lent) and time.monotonic() < until_s:
            self._stopped.wait(min(self._retry_s, SHORTEST_WAIT_S * 100))

    def _take_commands(self, now_s: float) -> None:
        for key, name, arguments in self._inbox_taken():
            try:
                self._protocol.command(key, name, arguments)
            except CommandRefused as error:
                self._emit([CommandEnded(now_s, key, Outcome.REFUSED, 0, str(error))])

    def _refuse_all(self, reason: str) -> None:
        now_s = self._clock()
        refused = self._inbox_taken()
        self._emit([CommandEnded(now_s, key, Outcome.REFUSED, 0, reason) for key, _, _ in refused])

    def _inbox_taken(self) -> list[tuple[str, str, tuple[int | str, ...]]]:
        with self._lock:
            taken = list(self._inbox)
            self._inbox.clear()
        return taken

    def _closed(self, error: PortError) -> None:
        if error.reason != self._said:
            self._said = error.reason
            self._emit([PortClosed(self._clock(), self.port, error.reason)])

    def _emit(self, events: Sequence[DriverEvent]) -> None:
        if not events:
            return
        with self._lock:
            self._events.extend(events)
            while len(self._events) > MAX_EVENTS:
                self._events.popleft()
                self.dropped_events += 1
        if self._notify is not None:
            self._notify()

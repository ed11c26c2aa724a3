"""Empties the spool to the broker, across any number of connections.

One thread runs :meth:`Uplink.run` and owns all state; everything else (paho's thread, the agent's
loop, the signal handler) only puts events into its queue. An entry leaves the spool after its PUBACK
and not before; on a new link everything unacknowledged is sent again, as ``uplink_lanes`` orders it.
"""

import queue
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, Literal, Protocol

from device_agent import log
from device_agent.backoff import Backoff
from device_agent.errors import SpoolError
from device_agent.link import Acked, Arrived, Connected, Link, LinkEvent, Lost
from device_agent.spool import Spool
from device_agent.uplink_lanes import Lanes

_ANSWER_TIMEOUT_S: Final = 10.0
_SPOOL_RETRY_S: Final = 5.0
# A broker that is there but acknowledges nothing (its disk is full, say) is left and tried anew.
_ACK_TIMEOUT_S: Final = 30.0
_FAREWELL_S: Final = 0.7
_TOLD_BACKLOG_S: Final = 5.0

Status = Literal["online", "offline"]
Reason = Literal["birth", "will", "shutdown"]


@dataclass(frozen=True, slots=True)
class Put:
    """There is something new in the spool."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Send what can be sent until ``deadline_s`` (monotonic), then leave."""

    deadline_s: float


class Owner(Protocol):
    """What the uplink needs of the agent; called on the uplink's thread."""

    def state(self, status: Status, reason: Reason) -> bytes:
        """Give the state message."""
        ...

    def on_connected(self, *, lost_at_s: float | None, reason: str, attempts: int) -> None:
        """Know that the link is up, and what was before."""
        ...


_Message = tuple[Link | None, LinkEvent | Put | Stop]


class Uplink:
    """See the module; clocks and the maker of links are passed in.

    ``make_link`` is called with ``will`` and ``notify``; ``on_command`` takes a command's bytes and
    must not block; ``on_failed`` hears that the thread died of a fault of ours, with which sending is
    over. ``slow_backoff`` is for a broker that refuses our credentials: mostly nothing but a person
    can help then, yet one that has just been started may say so for a moment.
    """

    def __init__(
        self,
        spool: Spool,
        owner: Owner,
        *,
        on_command: Callable[[bytes], None],
        on_failed: Callable[[], None],
        make_link: Callable[..., Link],
        lanes: Lanes,
        max_inflight: int,
        backoff: Backoff,
        slow_backoff: Backoff,
        now: Callable[[], float],
        monotonic: Callable[[], float],
        announcements: Iterable[tuple[str, bytes]] = (),
        ack_timeout_s: float = _ACK_TIMEOUT_S,
    ) -> None:
        self.has_failed = False
        self.is_up = False
        self._on_command = on_command
        self._on_failed = on_failed
        self._spool = spool
        self._owner = owner
        self._make_link = make_link
        self._max_inflight = max_inflight
        self._lanes = lanes
        self._announcements = tuple(announcements)
        self._backoff = backoff
        self._slow_backoff = slow_backoff
        self._is_refused = False
        self._is_blind = False
        self._now = now
        self._monotonic = monotonic
        self._inbox: queue.SimpleQueue[_Message] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self.run, name="uplink", daemon=True)
        self._stop: Stop | None = None
        self._unacked: dict[int, int] = {}
        self._ack_timeout_s = ack_timeout_s
        self._quiet_since_s = 0.0
        self._lost_at_s: float | None = None
        self._reason = ""
        self._attempts = 0
        self._announced = False

    def start(self) -> None:
        """Begin to connect and send."""
        self._thread.start()

    def wake(self) -> None:
        """Say that there is something new in the spool; safe from any thread."""
        self._inbox.put((None, Put()))

    def stop(self, grace_s: float) -> None:
        """Send for at most ``grace_s`` seconds more, say goodbye, and end."""
        self._inbox.put((None, Stop(self._monotonic() + grace_s)))
        self._thread.join(grace_s + _FAREWELL_S + 0.5)

    def run(self) -> None:
        """Connect, converse, pause, again, until told to stop."""
        try:
            while self._stop is None:
                self._attempt()
                self._pause((self._slow_backoff if self._is_refused else self._backoff).next_s())
        except Exception as error:  # noqa: BLE001 - a thread has nobody above it to tell
            self.has_failed = True
            log.failure("the uplink failed", error)
            self._on_failed()

    def _attempt(self) -> None:
        link = self._make_link(will=self._owner.state("offline", "will"), notify=self._note)
        self._attempts += 1
        self._is_refused = False
        try:
            link.open()
        except (OSError, ValueError) as error:
            self._tell_lost(f"{type(error).__name__}: {error}")
            return
        try:
            self._converse(link)
        finally:
            self.is_up = False
            link.close()

    def _note(self, link: Link, event: LinkEvent) -> None:
        self._inbox.put((link, event))

    def _converse(self, link: Link) -> None:
        """Serve one link until it is lost or we are to leave."""
        self._unacked.clear()
        opened_s = self._monotonic()
        while not (self._stop and self._is_time_to_leave()):
            for event in self._next_events(link):
                if isinstance(event, Lost):
                    self._is_refused = event.is_refused
                    self._tell_lost(event.reason)
                    return
                if isinstance(event, Connected):
                    self.is_up = True
                    self._greet(link)
                elif isinstance(event, Arrived):
                    self._on_command(event.payload)
            if fault := self._send(link) if self.is_up else self._no_answer_since(opened_s):
                self._tell_lost(fault)
                return
        if self.is_up:
            self._farewell(link)

    def _next_events(self, link: Link) -> list[LinkEvent]:
        """Wait for one event, then take all there are; acknowledgements are dealt with here."""
        events: list[LinkEvent] = []
        acked: list[int] = []
        wait_s = min(_SPOOL_RETRY_S, self._ack_timeout_s) if self.is_up else 1.0
        if self.is_up and not self._is_blind and len(self._unacked) < self._max_inflight:
            wait_s = min(wait_s, self._lanes.wait_s())
        if self._stop:
            wait_s = max(0.0, min(wait_s, self._stop.deadline_s - self._monotonic()))
        try:
            message: _Message | None = self._inbox.get(timeout=wait_s)
        except queue.Empty:
            return events
        while message is not None:
            source, event = message
            if isinstance(event, Stop):
                self._stop = event
            elif isinstance(event, Acked):
                if source is link and event.mid in self._unacked:
                    acked.append(self._unacked.pop(event.mid))
            elif source is link and not isinstance(event, Put):
                events.append(event)
            message = self._inbox.get_nowait() if not self._inbox.empty() else None
        if acked:
            self._quiet_since_s = self._monotonic()
            self._backoff.reset()
            self._slow_backoff.reset()
            self._forget(acked)
        return events

    def _forget(self, entry_ids: list[int]) -> None:
        try:
            self._spool.delete(entry_ids)
        except SpoolError as error:
            # They stay, and are sent once more on the next link: the server knows them by boot and seq.
            log.warning("acknowledged messages could not be removed", reason=error)

    def _send(self, link: Link) -> str:
        """Send what there is room for; give the reason to leave this link, if there is one."""
        if not self._unacked:
            self._quiet_since_s = self._monotonic()
        elif self._monotonic() - self._quiet_since_s > self._ack_timeout_s:
            return "the broker acknowledges nothing"
        try:
            room = self._max_inflight - len(self._unacked)
            for entry in self._lanes.take(room) if room > 0 else []:
                self._unacked[link.publish(entry.leaf, entry.payload)] = entry.id
        except SpoolError as error:
            self._is_blind = True
            log.warning("spool can't be read", reason=error, retry_s=_SPOOL_RETRY_S)
        else:
            self._is_blind = False
        return ""

    def _no_answer_since(self, opened_s: float) -> str:
        is_late = self._monotonic() - opened_s > _ANSWER_TIMEOUT_S
        return "the broker does not answer" if is_late else ""

    def _is_time_to_leave(self) -> bool:
        assert self._stop is not None
        if not self.is_up or self._monotonic() >= self._stop.deadline_s:
            return True
        try:
            return not self._unacked and self._lanes.is_empty()
        except SpoolError:
            return True

    def _greet(self, link: Link) -> None:
        link.listen_for_commands()
        link.publish("state", self._owner.state("online", "birth"), retain=True)
        for topic, payload in self._announcements:
            link.announce(topic, payload)
        self._begin_lanes()
        self._owner.on_connected(
            lost_at_s=self._lost_at_s, reason=self._reason, attempts=self._attempts
        )
        self._lost_at_s, self._attempts, self._announced = None, 0, False

    def _begin_lanes(self) -> None:
        try:
            backlog_s = self._lanes.begin()
        except SpoolError as error:
            log.warning("spool can't be read", reason=error)
        else:
            if backlog_s > _TOLD_BACKLOG_S:
                log.info("sending what waited", takes_s=round(backlog_s))

    def _farewell(self, link: Link) -> None:
        mid = link.publish("state", self._owner.state("offline", "shutdown"), retain=True)
        deadline_s = self._monotonic() + _FAREWELL_S
        while (left_s := deadline_s - self._monotonic()) > 0:
            try:
                source, event = self._inbox.get(timeout=left_s)
            except queue.Empty:
                return
            if source is link and (event == Acked(mid) or isinstance(event, Lost)):
                return

    def _tell_lost(self, reason: str) -> None:
        """Say once that an outage began; the agent says when it ended."""
        self._reason = reason
        if self._lost_at_s is None:
            self._lost_at_s = self._now()
        if not self._announced:
            self._announced = True
            log.warning("link down", reason=reason)

    def _pause(self, wait_s: float) -> None:
        """Wait before the next attempt; only Stop cuts it short."""
        until_s = self._monotonic() + wait_s
        while self._stop is None and (left_s := until_s - self._monotonic()) > 0:
            try:
                _, event = self._inbox.get(timeout=left_s)
            except queue.Empty:
                return
            if isinstance(event, Stop):
                self._stop = event

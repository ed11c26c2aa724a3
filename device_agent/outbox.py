"""Puts messages into the spool; holds a few while the disk refuses, and says so twice."""

from collections import deque
from collections.abc import Callable
from threading import RLock
from typing import Final

from device_agent import log
from device_agent.errors import SpoolError
from device_agent.spool import Dropped, Spool
from device_agent.wire import DeviceEvent, encode_event
from device_agent.wire.text import clean

_HELD_MESSAGES: Final = 500


class Outbox:
    """The only way into the spool; ``on_put`` is called after every success."""

    def __init__(self, spool: Spool, *, now: Callable[[], float]) -> None:
        self._spool = spool
        self._now = now
        self._held: deque[tuple[str, bytes, float]] = deque(maxlen=_HELD_MESSAGES)
        self._lost = 0
        self._refused_since_s: float | None = None
        self._lock = RLock()
        self.on_put: Callable[[], None] = lambda: None

    def post(self, leaf: str, payload: bytes) -> None:
        """Keep a message until the broker has it."""
        with self._lock:
            if len(self._held) == _HELD_MESSAGES:
                self._lost += 1
            self._held.append((leaf, payload, self._now()))
            self.flush()

    def post_event(self, event: DeviceEvent) -> None:
        """Keep an event until the broker has it."""
        self.post("events", encode_event(event))

    def flush(self) -> None:
        """Try to put what the disk refused before."""
        with self._lock:
            had_any = bool(self._held)
            try:
                while self._held:
                    self._spool.put(*self._held[0])
                    self._held.popleft()
                self._spool.settle()
            except SpoolError as error:
                self._refused(error)
            else:
                self._accepted()
            self._tell_broken()
        if had_any:
            self.on_put()

    def report_dropped(self) -> None:
        """Tell the server what the quota has cost; called when the link is up, so once per outage."""
        with self._lock:
            try:
                lost = self._spool.dropped()
                if lost.count:
                    log.warning("spool was full", dropped=lost.count, thinned=lost.thinned)
                    self._spool.put(
                        "events", encode_event(_dropped_event(lost, self._now())), self._now()
                    )
                    self._spool.forget_dropped()
            except SpoolError as error:
                self._refused(error)

    def _refused(self, error: SpoolError) -> None:
        """Say once that the disk refuses: to the log, and to the server while memory lasts."""
        if self._refused_since_s is not None:
            return
        self._refused_since_s = self._now()
        log.warning("spool refuses", reason=error, held=len(self._held))
        self.post_event(
            DeviceEvent("spool_fault", self._refused_since_s, {"reason": clean(str(error))})
        )

    def _accepted(self) -> None:
        if self._refused_since_s is None:
            return
        since_s, self._refused_since_s = self._refused_since_s, None
        lost, self._lost = self._lost, 0
        now = self._now()
        lasted_s = round(now - since_s, 1)
        log.info("spool accepts again", after_s=lasted_s, lost=lost)
        self.post_event(DeviceEvent("spool_back", now, {"lasted_s": lasted_s, "lost": lost}))
        if lost:
            self.post_event(_dropped_event(Dropped(lost, 0, since_s, now), now))

    def _tell_broken(self) -> None:
        if file := self._spool.broken_file():
            log.warning("the spool was broken and is set aside", file=file)
            self.post_event(DeviceEvent("spool_broken", self._now(), {"file": clean(file)}))


def _dropped_event(lost: Dropped, now_s: float) -> DeviceEvent:
    return DeviceEvent(
        "spool_dropped",
        now_s,
        {
            "count": lost.count,
            "thinned": lost.thinned,
            "size_bytes": lost.size_bytes,
            "oldest_s": lost.oldest_s,
            "newest_s": lost.newest_s,
        },
    )

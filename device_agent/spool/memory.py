"""A spool that forgets with the process: for tests, and for a device whose disk can't be written."""

from collections.abc import Iterable
from threading import Lock

from device_agent.spool.port import ENTRY_OVERHEAD_BYTES, Depth, Dropped, Entry, Lane
from device_agent.spool.retention import Slot, to_free_bytes, too_old, victims


class MemorySpool:
    """Keeps entries in a dict, which remembers their order."""

    def __init__(self, quota_bytes: int) -> None:
        self._quota_bytes = quota_bytes
        self._entries: dict[int, Entry] = {}
        self._size_bytes = 0
        self._last_id = 0
        self._dropped = Dropped()
        self._lock = Lock()

    def put(self, leaf: str, payload: bytes, put_s: float) -> int:
        """Keep a message; see the port."""
        with self._lock:
            self._last_id += 1
            self._entries[self._last_id] = Entry(self._last_id, leaf, put_s, payload)
            self._size_bytes += len(payload) + ENTRY_OVERHEAD_BYTES
            excess = to_free_bytes(self._size_bytes, self._quota_bytes)
            if excess:
                self._make_room(excess, put_s)
            return self._last_id

    def after(self, entry_id: int, limit: int, lane: Lane = "all") -> list[Entry]:
        """Give entries in order; see the port."""
        with self._lock:
            return [e for e in self._entries.values() if e.id > entry_id and _is_in(e, lane)][
                :limit
            ]

    def delete(self, entry_ids: Iterable[int]) -> None:
        """Let entries go; see the port."""
        with self._lock:
            for entry_id in entry_ids:
                self._remove(entry_id)

    def newest_id(self) -> int:
        """Give the last id; see the port."""
        return self._last_id

    def count(self, lane: Lane = "all") -> int:
        """Say how many wait; see the port."""
        with self._lock:
            return sum(_is_in(entry, lane) for entry in self._entries.values())

    def depth(self) -> Depth:
        """Say how much waits; see the port."""
        with self._lock:
            oldest = next(iter(self._entries.values()), None)
            return Depth(len(self._entries), self._size_bytes, oldest.put_s if oldest else None)

    def expire(self, now_s: float, keep_days: float) -> None:
        """Drop what is too old; see the port."""
        with self._lock:
            for entry in list(self._entries.values()):
                if too_old(entry.put_s, now_s, keep_days):
                    self._dropped = self._dropped.plus(entry.put_s, len(entry.payload))
                    self._remove(entry.id)

    def settle(self) -> None:
        """Nothing becomes durable here."""

    def broken_file(self) -> str:
        """There is no file."""
        return ""

    def dropped(self) -> Dropped:
        """Say what was lost; see the port."""
        return self._dropped

    def forget_dropped(self) -> None:
        """Take the loss as reported; see the port."""
        self._dropped = Dropped()

    def close(self) -> None:
        """Nothing is held."""

    def _make_room(self, free_bytes: int, newest_s: float) -> None:
        slots = [
            Slot(e.id, e.leaf == "telemetry", e.put_s, len(e.payload) + ENTRY_OVERHEAD_BYTES)
            for e in self._entries.values()
        ]
        for slot, thinned in victims(slots, free_bytes, newest_s=newest_s, keep_id=self._last_id):
            payload_bytes = slot.size_bytes - ENTRY_OVERHEAD_BYTES
            self._dropped = self._dropped.plus(slot.put_s, payload_bytes, thinned=thinned)
            self._remove(slot.id)

    def _remove(self, entry_id: int) -> None:
        entry = self._entries.pop(entry_id, None)
        if entry is not None:
            self._size_bytes -= len(entry.payload) + ENTRY_OVERHEAD_BYTES


def _is_in(entry: Entry, lane: Lane) -> bool:
    return lane == "all" or (entry.leaf == "telemetry") == (lane == "telemetry")

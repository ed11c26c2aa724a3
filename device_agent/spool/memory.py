"""A spool that forgets with the process: for tests, and for devices without a disk."""

from collections.abc import Iterable
from threading import Lock

from device_agent.spool.port import ENTRY_OVERHEAD_BYTES, Depth, Dropped, Entry


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
            while self._size_bytes > self._quota_bytes and len(self._entries) > 1:
                oldest = next(iter(self._entries.values()))
                self._dropped = self._dropped.plus(oldest)
                self._remove(oldest.id)
            return self._last_id

    def after(self, entry_id: int, limit: int) -> list[Entry]:
        """Give entries in order; see the port."""
        with self._lock:
            return [e for e in self._entries.values() if e.id > entry_id][:limit]

    def delete(self, entry_ids: Iterable[int]) -> None:
        """Let entries go; see the port."""
        with self._lock:
            for entry_id in entry_ids:
                self._remove(entry_id)

    def depth(self) -> Depth:
        """Say how much waits; see the port."""
        with self._lock:
            oldest = next(iter(self._entries.values()), None)
            return Depth(len(self._entries), self._size_bytes, oldest.put_s if oldest else None)

    def dropped(self) -> Dropped:
        """Say what was lost; see the port."""
        return self._dropped

    def forget_dropped(self) -> None:
        """Take the loss as reported; see the port."""
        self._dropped = Dropped()

    def close(self) -> None:
        """Nothing is held."""

    def _remove(self, entry_id: int) -> None:
        entry = self._entries.pop(entry_id, None)
        if entry is not None:
            self._size_bytes -= len(entry.payload) + ENTRY_OVERHEAD_BYTES

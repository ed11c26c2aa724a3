"""The DuckDB file's series in memory: names to numbers and back, units, how long each is kept."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from server.telemetry.samples import SeriesKey


@dataclass(slots=True)
class Changes:
    """Numbers of series that are new, or whose unit is, since they were saved last."""

    new: list[int] = field(default_factory=list)
    units: set[int] = field(default_factory=set)


class SeriesBook:
    """Any thread asks; numbers are 1, 2, 3 … in order of first sight and never change.

    kept_s : metric → seconds for which its raw samples are kept
    """

    def __init__(self, kept_s: Callable[[str], int]) -> None:
        self._seconds = kept_s
        self._lock = threading.Lock()
        self._numbers: dict[SeriesKey, int] = {}
        self._keys: dict[int, SeriesKey] = {}
        self._of_device: dict[str, list[int]] = {}
        self._units: dict[int, str] = {}
        self._changes = Changes()
        self.kept_s: NDArray[np.int64] = np.zeros(64, dtype=np.int64)
        """By number."""

    def __len__(self) -> int:
        return len(self._numbers)

    def load(self, rows: Iterable[tuple[int, str, str, str]]) -> None:
        """Of (number, device id, metric, unit)."""
        for number, device_id, metric, unit in rows:
            self._know(number, SeriesKey(device_id, metric), unit)

    def _know(self, number: int, key: SeriesKey, unit: str) -> None:
        if number >= len(self.kept_s):
            self.kept_s = np.concatenate((self.kept_s, np.zeros_like(self.kept_s)))
        self.kept_s[number] = self._seconds(key.metric)
        self._keys[number] = key
        self._units[number] = unit
        self._of_device.setdefault(key.device_id, []).append(number)
        self._numbers[key] = number

    def number(self, key: SeriesKey, unit: str) -> int:
        """The series' number; a new one at first sight. "" leaves a known unit as it is."""
        known = self._numbers.get(key)
        if known is not None and (not unit or self._units[known] == unit):
            return known
        with self._lock:
            known = self._numbers.get(key)
            if known is None:
                known = len(self._numbers) + 1
                self._know(known, key, unit)
                self._changes.new.append(known)
            elif unit:
                self._units[known] = unit
                self._changes.units.add(known)
        return known

    def find(self, key: SeriesKey) -> int:
        """0 for one never seen."""
        return self._numbers.get(key, 0)

    def of(self, device_id: str | None) -> list[int]:
        """Numbers of a device's series, or of all."""
        with self._lock:
            return list(self._keys if device_id is None else self._of_device.get(device_id, ()))

    def units(self, device_id: str) -> dict[str, str]:
        """Metric to unit, by name."""
        with self._lock:
            known = ((self._keys[n].metric, n) for n in self._of_device.get(device_id, ()))
            return {metric: self._units[number] for metric, number in sorted(known)}

    def metrics(self) -> dict[int, str]:
        """Number to metric."""
        with self._lock:
            return {number: key.metric for number, key in self._keys.items()}

    def take_changes(self) -> Changes:
        with self._lock:
            taken, self._changes = self._changes, Changes()
            return taken

    def give_back(self, changes: Changes) -> None:
        """They could not be saved."""
        with self._lock:
            self._changes = Changes(
                changes.new + self._changes.new, changes.units | self._changes.units
            )

    def save(self, connection: Any, changes: Changes) -> None:
        """In the connection's transaction."""
        if changes.new:
            rows = [(n, *self._keys[n], self._units[n]) for n in changes.new]
            columns = [list(column) for column in zip(*rows, strict=True)]
            connection.execute(
                "INSERT INTO series SELECT unnest(?), unnest(?), unnest(?), unnest(?)", columns
            )
        for number in changes.units:
            unit = self._units[number]
            connection.execute("UPDATE series SET unit = ? WHERE id = ?", [unit, number])

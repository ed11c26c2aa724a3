"""Names of devices and series beside their tables of state, which grow by doubling."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from anomaly.errors import StateError
from anomaly.state import D_HEAD, D_WIDTH, NEXT, WIDTH, Table, new_device_row


class Registry:
    """Index ⇄ name for devices and series; `rows` and `devices` are the live tables."""

    def __init__(self) -> None:
        self._rows = np.zeros((16, WIDTH))
        self._devices = np.zeros((4, D_WIDTH))
        self._series: list[tuple[int, str, str]] = []  # device index, metric, unit
        self._series_at: dict[tuple[int, str], int] = {}
        self.device_names: list[str] = []
        self._device_at: dict[str, int] = {}
        self._text, self._text_of = b"", (-1, -1)

    def __len__(self) -> int:
        return len(self._series)

    @property
    def rows(self) -> Table:
        """State of the series, one row each (a view)."""
        return self._rows[: len(self._series)]

    @property
    def devices(self) -> Table:
        """State of the devices, one row each (a view)."""
        return self._devices[: len(self.device_names)]

    def find(self, device: str, metric: str) -> int | None:
        """Index of a known series."""
        at = self._device_at.get(device)
        return None if at is None else self._series_at.get((at, metric))

    def name(self, series: int) -> tuple[str, str, str]:
        """Device, metric and unit of a series."""
        device, metric, unit = self._series[series]
        return self.device_names[device], metric, unit

    def has(self, device: str) -> bool:
        return device in self._device_at

    def device(self, name: str) -> int:
        """Index of a device, registered if new."""
        if name not in self._device_at:
            index = len(self.device_names)
            self._devices = _room_for(self._devices, index)
            self._devices[index] = new_device_row()
            self.device_names.append(name)
            self._device_at[name] = index
        return self._device_at[name]

    def members(self, device_index: int) -> list[int]:
        """Series of a device, newest first."""
        members = []
        index = int(self._devices[device_index, D_HEAD])
        while index >= 0:
            members.append(index)
            index = int(self._rows[index, NEXT])
        return members

    def add(self, device: int, metric: str, unit: str, row: Table) -> int:
        """Register a new series with its first state."""
        index = len(self._series)
        self._rows = _room_for(self._rows, index)
        self._rows[index] = row
        self._series.append((device, metric, unit))
        self._series_at[device, metric] = index
        return index

    def as_text(self) -> bytes:
        """Names only, as JSON; the tables are stored raw."""
        size = len(self.device_names), len(self._series)
        if size != self._text_of:  # names are added, and neither change nor go
            names = {"devices": self.device_names, "series": self._series}
            self._text = json.dumps(names, separators=(",", ":"), sort_keys=True).encode()
            self._text_of = size
        return self._text

    @classmethod
    def from_json(cls, names: dict[str, Any], rows: Table, devices: Table) -> Registry:
        """Raises StateError when names and tables do not belong together."""
        registry = cls()
        registry.device_names = [str(name) for name in names["devices"]]
        registry._series = [(int(d), str(m), str(u)) for d, m, u in names["series"]]
        if len(registry.device_names) != len(devices) or len(registry._series) != len(rows):
            raise StateError("names and tables of the state differ in length")
        registry._device_at = {name: i for i, name in enumerate(registry.device_names)}
        registry._series_at = {(d, m): i for i, (d, m, _) in enumerate(registry._series)}
        registry._rows = rows
        registry._devices = devices
        return registry


def _room_for(table: Table, index: int) -> Table:
    if index < len(table):
        return table
    grown = np.zeros((max(2 * len(table), index + 1), table.shape[1]))
    grown[: len(table)] = table
    return grown

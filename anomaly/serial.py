"""The engine's state as bytes: a versioned header, the registry as JSON, then the raw tables."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

import numpy as np

from anomaly.errors import StateError
from anomaly.finding import Finding
from anomaly.state import D_WIDTH, LAYOUT, WIDTH, Table

MAGIC: Final = b"FWAN"
VERSION: Final = 1
ROWS_A_PART: Final = 16
_HEADER: Final = struct.Struct("<4sH24sIII")


def parts(
    names: bytes, still_open: Mapping[tuple[int, int], Finding], rows: Table, devices: Table
) -> list[bytes | memoryview]:
    """Header, JSON, series rows, device rows; each of the tables cut apart after so many rows.

    names : the registry's names as JSON
    """
    still = [[*key, finding_to_json(finding)] for key, finding in still_open.items()]
    found = json.dumps(still, separators=(",", ":"), sort_keys=True).encode()
    text = b'{"names":%b' % names, b',"open":%b}' % found
    header = _HEADER.pack(
        MAGIC, VERSION, LAYOUT.encode().ljust(24), sum(map(len, text)), len(rows), len(devices)
    )
    tables = [
        table[at : at + ROWS_A_PART].data.cast("B")
        for table in (rows, devices)
        for at in range(0, len(table), ROWS_A_PART)
    ]
    return [header, *text, *tables]


def unpack(data: bytes) -> tuple[dict[str, Any], Table, Table]:
    """The three parts again; raises StateError for anything but a whole state of this version."""
    if len(data) < _HEADER.size:
        raise StateError("state is shorter than its header")
    magic, version, layout, text_bytes, n_rows, n_devices = _HEADER.unpack_from(data)
    if magic != MAGIC:
        raise StateError("not a state of this engine")
    if version != VERSION or layout.decode("ascii", "replace").strip() != LAYOUT:
        raise StateError(f"state of version {version} or of another layout; this is {VERSION}")
    expected = _HEADER.size + text_bytes + 8 * (n_rows * WIDTH + n_devices * D_WIDTH)
    if len(data) != expected:
        raise StateError(f"state is {len(data)} bytes long, expected {expected}")
    at = _HEADER.size
    try:
        registry = json.loads(data[at : at + text_bytes])
    except ValueError as error:
        raise StateError(f"registry cannot be read: {error}") from error
    if not isinstance(registry, dict):
        raise StateError("registry is not an object")
    at += text_bytes
    rows = np.frombuffer(data, np.float64, n_rows * WIDTH, at).reshape(n_rows, WIDTH).copy()
    at += rows.nbytes
    devices = np.frombuffer(data, np.float64, n_devices * D_WIDTH, at)
    return registry, rows, devices.reshape(n_devices, D_WIDTH).copy()


def finding_to_json(finding: Finding) -> dict[str, Any]:
    """A finding as plain values."""
    return asdict(finding) | {"metrics": list(finding.metrics)}


def finding_from_json(record: dict[str, Any]) -> Finding:
    """The finding again; raises StateError when fields are missing or foreign."""
    try:
        return Finding(**(record | {"metrics": tuple(record["metrics"])}))
    except (KeyError, TypeError) as error:
        raise StateError(f"finding in state cannot be read: {error}") from error

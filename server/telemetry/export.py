"""Samples as Parquet files, for notebooks and other tools: one file for each segment of time."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from server.kit.errors import BadInput
from server.telemetry.duckdb import DuckDbTelemetryStore
from server.telemetry.errors import StoreError
from server.telemetry.segments import Segment, read_all
from server.telemetry.store import TelemetryStore


@dataclass(frozen=True, slots=True)
class ExportOf:
    """Which samples; None: all. Times are Unix seconds, [from_s, to_s)."""

    device_id: str | None = None
    metric: str | None = None
    from_s: float | None = None
    to_s: float | None = None


def export(
    store: TelemetryStore, folder: Path, wanted: ExportOf, tell: Callable[[float], None]
) -> dict[str, Any]:
    """Write raw samples into the new or empty `folder`: device_id, metric, unit, time_utc, value.

    `tell` hears the share done. Raises BadInput for a folder that is not empty, StoreError where the
    store is a server, which has an export of its own.
    """
    if not isinstance(store, DuckDbTelemetryStore):
        raise StoreError(
            "the samples are on a server: use its own export (docs/how-to/choose-a-store.md)"
        )
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BadInput("DEST", f"{folder} exists and is not empty")
    from_us = round((wanted.from_s if wanted.from_s is not None else -(2**40)) * 1e6)
    until_us = round((wanted.to_s if wanted.to_s is not None else 2**40) * 1e6)
    samples, files = 0, 0
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with store.snapshot() as cursor:
            segments = [
                s for s in read_all(cursor) if s.level == 0 and s.overlaps(from_us, until_us)
            ]
            for done, segment in enumerate(sorted(segments, key=lambda s: (s.begin_us, s.id)), 1):
                count = _write(cursor, segment, folder, wanted, (from_us, until_us))
                samples += count
                files += count > 0
                tell(done / len(segments))
    except OSError as error:
        raise BadInput("DEST", f"{folder}: {error.strerror or error}") from error
    return {"samples": samples, "files": files, "to": str(folder)}


def _write(
    cursor: Any, segment: Segment, folder: Path, wanted: ExportOf, range_us: tuple[int, int]
) -> int:
    """One segment's file, if anything of it is wanted; returns how many samples."""
    day = time.strftime("%Y-%m-%d", time.gmtime(segment.begin_us / 1e6))
    file = folder / f"samples-{day}-{segment.id}.parquet"
    where, values = "time_us >= ? AND time_us < ?", list[object](range_us)
    for column, value in (("device_id", wanted.device_id), ("metric", wanted.metric)):
        if value is not None:
            where += f" AND {column} = ?"
            values.append(value)
    found = cursor.execute(
        "COPY (SELECT device_id, metric, unit, make_timestamp(time_us) AS time_utc, value "  # noqa: S608
        f"FROM {segment.table} JOIN series ON series.id = series WHERE {where} "
        f"ORDER BY device_id, metric, time_us) TO '{_quoted(file)}' "
        "(FORMAT parquet, COMPRESSION zstd)",
        values,
    ).fetchone()
    if not found[0]:
        file.unlink(missing_ok=True)
    return int(found[0])


def _quoted(file: Path) -> str:
    return str(file).replace("'", "''")

"""A table played as telemetry: rows gathered into packs, paced, published, counted."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Final, Protocol

from device_agent.wire import Pack, encode_pack
from device_agent.wire.pack import ABSOLUTE_FROM_S, LATEST_S
from server.replay.errors import ReplayError
from server.replay.table import Row, Table

_RECORDS_A_PACK: Final = 4_000
# Paced rows wait for each other at most so long, in real seconds.
_GATHER_S: Final = 1.0
_FUTURE_TOLERANCE_S: Final = 600.0


class Sink(Protocol):
    """Where packs go: `Publisher`, or a list in tests."""

    def publish(self, leaf: str, payload: bytes) -> None: ...

    def drain(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Playback:
    """What will be played: checked from the first row to the last before anything is sent."""

    table: Table
    rows: int
    samples: int
    backward_rows: int
    first_s: float
    last_s: float
    shift_s: float
    """Added to the file's times."""
    speed: float
    """Multiple of real time; infinite: as fast as the broker acknowledges."""

    @classmethod
    def check(
        cls,
        table: Table,
        *,
        speed: float | None,
        start_s: float | None,
        shift_to_now: bool,
        now_s: float,
    ) -> Playback:
        """Read the whole file once; raises ReplayError for the first row that is unfit.

        `start_s` moves the first row there; `shift_to_now` moves all so that the replay ends now
        (as seen when it ends). Without either, times stay as they are.
        """
        rows = samples = backward = 0
        first_s = latest_s = 0.0
        for row in table.rows():
            if rows == 0:
                first_s = latest_s = row.time_s
            backward += row.time_s < latest_s
            first_s, latest_s = min(first_s, row.time_s), max(latest_s, row.time_s)
            rows += 1
            samples += len(row.values) - row.values.count(None)
        if samples == 0:
            raise ReplayError(f"{table.source.file} holds no measurement")
        pace = math.inf if speed is None else speed
        duration_s = latest_s - first_s
        begin_s = first_s
        if start_s is not None:
            begin_s = start_s
        elif shift_to_now:
            begin_s = now_s + duration_s / pace - duration_s
        elif not table.absolute:
            raise ReplayError(
                "the file's times count from a beginning that it does not name; "
                "say --start TIME, or --shift-to-now to let it end now"
            )
        end_s = begin_s + duration_s
        _require_sendable(begin_s, end_s, now_s + duration_s / pace)
        return cls(table, rows, samples, backward, begin_s, end_s, begin_s - first_s, pace)


@dataclass(frozen=True, slots=True)
class Report:
    """What was played; every pack of it was acknowledged."""

    device: str
    rows: int
    samples: int
    packs: int
    seconds: float

    def as_json(self) -> dict[str, object]:
        return asdict(self) | {"seconds": round(self.seconds, 3)}


def play(
    playback: Playback,
    device_id: str,
    sink: Sink,
    *,
    clock_s: Callable[[], float],
    sleep: Callable[[float], None],
    progress: Callable[[int], None] = lambda _rows: None,
) -> Report:
    """Publish everything; returns when all of it is acknowledged, else raises ReplayError.

    `clock_s` is monotonic; `progress` is told how many rows were handed over, pack by pack.
    """
    started_s = clock_s()
    rows = samples = packs = 0
    for batch in _batches(playback):
        due_s = started_s + (batch[-1].time_s - playback.first_s) / playback.speed
        wait_s = due_s - clock_s()
        if wait_s > 0:
            sleep(wait_s)
        pack = _pack(playback.table, batch)
        rows += len(batch)
        if pack.names:
            sink.publish("telemetry", encode_pack(pack, device_id=device_id, form="cbor"))
            samples += len(pack.names)
            packs += 1
        progress(len(batch))
    sink.drain()
    return Report(device_id, rows, samples, packs, clock_s() - started_s)


def _require_sendable(begin_s: float, end_s: float, played_by_s: float) -> None:
    if begin_s < ABSOLUTE_FROM_S or end_s > LATEST_S:
        raise ReplayError("times before July 1978 can't be sent; use --start or --shift-to-now")
    if end_s > played_by_s + _FUTURE_TOLERANCE_S:
        raise ReplayError(
            "the file ends in the future, where the server accepts nothing; use --shift-to-now"
        )


def _batches(playback: Playback) -> Iterator[list[Row]]:
    """Rows with their final times, as many as one pack takes or as belong to one second of replay."""
    width = len(playback.table.metrics)
    most = max(1, _RECORDS_A_PACK // width)
    shift_s = playback.shift_s
    batch: list[Row] = []
    for row in playback.table.rows():
        # Whole milliseconds: a shift must not give times a tail of digits.
        time_s = round(row.time_s + shift_s, 3) if shift_s else row.time_s
        moved = Row(row.line, time_s, row.values)
        if batch and (
            len(batch) >= most or (moved.time_s - batch[0].time_s) / playback.speed >= _GATHER_S
        ):
            yield batch
            batch = []
        batch.append(moved)
    if batch:
        yield batch


def _pack(table: Table, rows: list[Row]) -> Pack:
    names: list[str] = []
    times_s: list[float] = []
    values: list[float | bool] = []
    units: list[str] = []
    for row in rows:
        for metric, value in zip(table.metrics, row.values, strict=True):
            if value is not None:
                names.append(metric.name)
                times_s.append(row.time_s)
                values.append(value)
                units.append(metric.unit)
    return Pack(boot=None, seq=None, names=names, times_s=times_s, values=values, units=units)

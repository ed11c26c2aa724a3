"""Telemetry in InfluxDB 2, through influxdb-client: written by line protocol, read by Flux.

Points of one measurement, "forewarn" unless told otherwise:

    forewarn,device=,metric= value=            the samples, to the microsecond
    forewarn,device=,metric=,unit= series=1    written when a unit is learnt and daily: the newest is true
    forewarn,stream= position=                 up to where a stream is stored

InfluxDB has its write on disk when it answers (its WAL is synced before), and a point written twice is
one, so nothing is left to do at `sync`. It forgets by the bucket's retention; `forewarn setup influx`
makes the buckets and the task that keeps minutes of what raw samples told.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import numpy as np
import urllib3
from influxdb_client import InfluxDBClient
from influxdb_client.client.write_api import SYNCHRONOUS
from influxdb_client.rest import ApiException
from numpy.typing import NDArray
from urllib3.util import Retry

from server.telemetry import flux
from server.telemetry.errors import StoreUnavailable
from server.telemetry.grid import MINUTE_US, Grid
from server.telemetry.influx_place import InfluxPlace
from server.telemetry.line_protocol import prefix, sample_lines
from server.telemetry.remote import Newest
from server.telemetry.samples import Buckets, SeriesKey
from server.telemetry.store import Capabilities

MINUTES: Final = "_minutes"
"""The bucket of minutes is named like the other, with this behind."""

_LINES_A_REQUEST: Final = 5_000
_DEVICES_A_REQUEST: Final = 100
_DAY_US: Final = 86_400_000_000

_Row = dict[str, Any]


class InfluxDb:
    """The Backend over one server and bucket."""

    capabilities = Capabilities(forgets_when_asked=False, summarises=True)

    def __init__(
        self,
        place: InfluxPlace,
        *,
        kept_days: float = 0.0,
        retry_pause_s: float = 0.5,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        self.measurement = place.measurement
        self._url = place.url
        self._bucket = place.bucket
        self._kept_us = round(kept_days * _DAY_US)
        self._now_s = now_s
        self._client = InfluxDBClient(
            url=place.url,
            token=place.token,
            org=place.org,
            timeout=30_000,
            # Points written twice are one, so that trying again is always right. Not the client's own
            # WritesRetry: its time runs out for good some minutes after the client was made.
            retries=Retry(
                total=3,
                backoff_factor=retry_pause_s,
                status_forcelist={429, 503},
                allowed_methods=None,
                raise_on_status=False,
                retry_after_max=10,
            ),
        )
        self._writer = self._client.write_api(write_options=SYNCHRONOUS)
        self._reader = self._client.query_api()

    def begin(self) -> str:
        return ""

    def make_durable(self) -> str:
        return ""

    def write(
        self, prefixes: Sequence[str], times_us: Sequence[int], values: Sequence[float]
    ) -> None:
        self._write(sample_lines(prefixes, times_us, values))

    def _write(self, lines: list[str]) -> None:
        for start in range(0, len(lines), _LINES_A_REQUEST):
            part = "\n".join(lines[start : start + _LINES_A_REQUEST])
            with self._telling():
                self._writer.write(bucket=self._bucket, record=part, write_precision="us")

    def announce(self, series: Iterable[tuple[SeriesKey, str]]) -> None:
        now_us = round(self._now_s() * 1e6)
        tags = (
            {"device": key.device_id, "metric": key.metric, "unit": unit} for key, unit in series
        )
        self._write([f"{prefix(self.measurement, tag, 'series')}1 {now_us}" for tag in tags])

    def units(self, device_ids: Sequence[str]) -> Mapping[SeriesKey, str]:
        newest: dict[SeriesKey, tuple[int, str]] = {}
        for some in _parts(device_ids):
            query = flux.units(self._bucket, self.measurement, some, self._end_us())
            for row in self._ask(query):
                told = (_us(row["_time"]), str(row.get("unit") or ""))
                newest[_key(row)] = max(told, newest.get(_key(row), told))
        return {key: unit for key, (_, unit) in newest.items()}

    def newest(self, device_ids: Sequence[str]) -> Sequence[Newest]:
        return [
            Newest(_key(row), _us(row["_time"]), float(row["_value"]))
            for some in _parts(device_ids)
            for row in self._ask(flux.newest(self._bucket, self.measurement, some, self._end_us()))
        ]

    def times(self, device_id: str, from_us: int, to_us: int) -> Mapping[str, NDArray[np.int64]]:
        found: dict[str, list[int]] = {}
        query = flux.times(self._bucket, self.measurement, device_id, from_us, to_us + 1)
        for row in self._ask(query):
            found.setdefault(str(row["metric"]), []).append(_us(row["_time"]))
        return {metric: np.array(times, dtype=np.int64) for metric, times in found.items()}

    def buckets(self, key: SeriesKey, grid: Grid) -> Buckets:
        rows: dict[int, list[float]] = {}
        forgotten_us = grid.from_us
        if self._kept_us:
            oldest_us = round(self._now_s() * 1e6) - self._kept_us
            forgotten_us = min(
                max(grid.from_us, -(-oldest_us // MINUTE_US) * MINUTE_US), grid.until_us
            )
        if grid.from_us < forgotten_us:
            self._add(rows, grid, self._minutes(key, grid, forgotten_us))
        if forgotten_us < grid.until_us:
            self._add(rows, grid, self._raw(key, grid, forgotten_us))
        columns = np.array([rows[n] for n in sorted(rows)], dtype=np.float64).reshape(-1, 5).T
        return Buckets(
            times_s=columns[0] / 1e6,
            minimum=columns[1],
            mean=columns[2] / np.maximum(columns[4], 1),
            maximum=columns[3],
            count=columns[4].astype(np.int64),
        )

    def _raw(self, key: SeriesKey, grid: Grid, from_us: int) -> Iterator[tuple[float, ...]]:
        """(first time, minimum, total, maximum, count) of each bucket from raw samples."""
        found = self._windows(flux.raw_buckets, self._bucket, key, grid, from_us, grid.until_us)
        for row in found.values():
            yield (
                _us(row["first"]["_time"]),
                row["min"]["_value"],
                row["mean"]["_value"] * row["count"]["_value"],
                row["max"]["_value"],
                row["count"]["_value"],
            )

    def _minutes(self, key: SeriesKey, grid: Grid, until_us: int) -> Iterator[tuple[float, ...]]:
        """The same from the minutes that the task wrote."""
        bucket = self._bucket + MINUTES
        found = self._windows(flux.minute_buckets, bucket, key, grid, grid.from_us, until_us)
        for row in found.values():
            first_us = _us(row["first"]["_time"])
            yield (first_us, *(row[field]["_value"] for field in flux.MINUTE_STATISTICS))

    def _windows(
        self,
        query: Callable[..., str],
        bucket: str,
        key: SeriesKey,
        grid: Grid,
        from_us: int,
        until_us: int,
    ) -> dict[int, dict[str, _Row]]:
        """Start of each window → result's name → its row."""
        text = query(
            bucket,
            self.measurement,
            key,
            from_us=from_us,
            until_us=until_us,
            origin_us=grid.origin_us,
            width_us=grid.width_us,
        )
        found: dict[int, dict[str, _Row]] = {}
        for row in self._ask(text):
            found.setdefault(_us(row["_start"]), {})[row["result"]] = row
        return found

    @staticmethod
    def _add(rows: dict[int, list[float]], grid: Grid, found: Iterable[tuple[float, ...]]) -> None:
        for first_us, minimum, total, maximum, count in found:
            number = int((max(first_us, grid.from_us) - grid.origin_us) // grid.width_us)
            known = rows.get(number)
            if known is None:
                rows[number] = [first_us, minimum, total, maximum, count]
            else:
                rows[number] = [
                    min(known[0], first_us),
                    min(known[1], minimum),
                    known[2] + total,
                    max(known[3], maximum),
                    known[4] + count,
                ]

    def count(self, device_id: str | None) -> int:
        query = flux.count(self._bucket, self.measurement, device_id, self._end_us())
        return sum(int(row["_value"]) for row in self._ask(query))

    def position(self, stream: str) -> int:
        query = flux.position(self._bucket, self.measurement, stream, self._end_us())
        return max((round(row["_value"]) for row in self._ask(query)), default=0)

    def write_position(self, stream: str, position: int) -> None:
        start = prefix(self.measurement, {"stream": stream}, "position")
        self._write([f"{start}{position} {round(self._now_s() * 1e6)}"])

    def close(self) -> None:
        self._client.close()

    def _end_us(self) -> int:
        """Samples may be some minutes ahead of our clock."""
        return round(self._now_s() * 1e6) + _DAY_US

    def _ask(self, query: str) -> list[_Row]:
        with self._telling():
            return [
                record.values for table in self._reader.query(query) for record in table.records
            ]

    def _telling(self) -> _Telling:
        return _Telling(self._url)


class _Telling:
    """Whatever the client raises becomes a StoreUnavailable with the server's own words."""

    def __init__(self, url: str) -> None:
        self._url = url

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, ApiException):
            words = error.message or error.reason or ""
            raise StoreUnavailable(
                f"InfluxDB at {self._url} refused: {error.status} {str(words)[:300]}"
            ) from error
        if isinstance(error, urllib3.exceptions.HTTPError | OSError):
            raise StoreUnavailable(f"InfluxDB at {self._url} does not answer: {error}") from error


def _key(row: Mapping[str, Any]) -> SeriesKey:
    return SeriesKey(str(row.get("device") or ""), str(row.get("metric") or ""))


def _us(moment: datetime) -> int:
    # Not timestamp(): a float of today's seconds has no room for single microseconds.
    whole = int(moment.replace(microsecond=0).timestamp())
    return whole * 1_000_000 + moment.microsecond


def _parts(device_ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(device_ids), _DEVICES_A_REQUEST):
        yield device_ids[start : start + _DEVICES_A_REQUEST]

"""Telemetry in VictoriaMetrics: written by line protocol, read by PromQL (MetricsQL).

Series of one measurement, "forewarn" unless told otherwise:

    forewarn_value{device, metric}         the samples
    forewarn_series{device, metric, unit}  1, written when a unit is learnt and daily: the newest is true
    forewarn_position{stream}              up to where a stream is stored

What differs from other stores: times are whole milliseconds; it forgets by its own -retentionPeriod
(one month if not set!); what it acknowledged is on disk some seconds later, which is why `make_durable`
asks for a snapshot. Start it with -dedup.minScrapeInterval=1ms, so that a sample written twice by two
processes at once counts once.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from server.telemetry.grid import Grid
from server.telemetry.line_protocol import prefix, sample_lines
from server.telemetry.remote import Newest
from server.telemetry.samples import Buckets, SeriesKey
from server.telemetry.store import Capabilities
from server.telemetry.victoria_flags import complaints
from server.telemetry.victoria_http import TooManySamples, VictoriaHttp, one_of, quoted

log = logging.getLogger(__name__)

_DAY_MS: Final = 86_400_000
_FIRST_LOOK_MS: Final = _DAY_MS + 3_600_000
_LOOK_FURTHER: Final = 8
_SINCE_MS: Final = 100 * _DAY_MS
"""No window may begin before 1970; SenML has no absolute time before 1978."""
_DEVICES_A_REQUEST: Final = 100
_EDGE_MS: Final = 60_000
"""Nearer to now than this, query_range would replace the newest points by the ones before."""
_ROLLUPS: Final = (
    "tfirst_over_time",
    "min_over_time",
    "avg_over_time",
    "max_over_time",
    "count_over_time",
)


class VictoriaMetrics:
    """The Backend over one single-node server."""

    capabilities = Capabilities(
        resolution_us=1_000, significant_digits=12, forgets_when_asked=False
    )

    def __init__(
        self,
        http: VictoriaHttp,
        *,
        measurement: str = "forewarn",
        kept_days: float = 0.0,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        self._http = http
        self.measurement = measurement
        self._kept_days = kept_days
        self._now_s = now_s
        self._last_ms = 0
        self._looked_at_flags = False
        self._samples = f"{measurement}_value"

    def begin(self) -> str:
        if not self._looked_at_flags:
            for complaint in complaints(self._http.flags(), self._kept_days):
                log.warning("VictoriaMetrics: %s", complaint)
            self._looked_at_flags = True
        self._http.flush_to_memory()
        return self._http.run()

    def write(
        self, prefixes: Sequence[str], times_us: Sequence[int], values: Sequence[float]
    ) -> None:
        self._http.write(sample_lines(prefixes, [t // 1000 for t in times_us], values))

    def make_durable(self) -> str:
        self._http.flush_to_disk()
        self._http.flush_to_memory()
        return self._http.run()

    def announce(self, series: Iterable[tuple[SeriesKey, str]]) -> None:
        now_ms = self._tick_ms()
        self._http.write(
            [
                prefix(
                    self.measurement,
                    {"device": key.device_id, "metric": key.metric, "unit": unit},
                    "series",
                )
                + f"1 {now_ms}"
                for key, unit in series
            ]
        )

    def units(self, device_ids: Sequence[str]) -> Mapping[SeriesKey, str]:
        newest: dict[SeriesKey, tuple[float, str]] = {}
        for some in _parts(device_ids):
            query = f"tlast_over_time({self.measurement}_series{{device=~{one_of(some)}}}"
            for labels, told_s in self._ever(query):
                key = SeriesKey(labels.get("device", ""), labels.get("metric", ""))
                told = (told_s, labels.get("unit", ""))
                newest[key] = max(told, newest.get(key, told))
        return {key: unit for key, (_, unit) in newest.items()}

    def newest(self, device_ids: Sequence[str]) -> Sequence[Newest]:
        found: list[Newest] = []
        for some in _parts(device_ids):
            selector = f"{self._samples}{{device=~{one_of(some)}}}"
            wanted = {_key(labels) for labels in self._http.labels(selector)}
            for look_ms in _looks(self._ever_ms()):
                if not wanted:
                    break
                for newest in self._newest_within(selector, look_ms):
                    if newest.key in wanted:
                        wanted.remove(newest.key)
                        found.append(newest)
        return found

    def _newest_within(self, selector: str, look_ms: int) -> Iterator[Newest]:
        """Of each series whose newest sample is in the last `look_ms` (a day ahead counts as last)."""
        at_ms = self._now_ms() + _DAY_MS
        query = (
            'aggr_over_time(("last_over_time", "tlast_over_time"), '
            f"{selector}[{look_ms}ms] offset -{2 * _DAY_MS}ms)"
        )
        values: dict[SeriesKey, dict[str, float]] = {}
        for labels, value in self._http.instant(query, at_ms - 2 * _DAY_MS):
            values.setdefault(_key(labels), {})[labels["rollup"]] = value
        for key, both in values.items():
            time_us = round(both["tlast_over_time"] * 1000) * 1000
            yield Newest(key, time_us, both["last_over_time"])

    def times(self, device_id: str, from_us: int, to_us: int) -> Mapping[str, NDArray[np.int64]]:
        self._http.flush_to_memory()
        selector = f"{self._samples}{{device={quoted(device_id)}}}"
        found: dict[str, NDArray[np.int64]] = {}
        for labels, times_ms in self._http.export(selector, from_us // 1000, to_us // 1000):
            metric, times = labels["metric"], np.array(times_ms, dtype=np.int64) * 1000
            found[metric] = np.concatenate((found[metric], times)) if metric in found else times
        return found

    def buckets(self, key: SeriesKey, grid: Grid) -> Buckets:
        selector = f"{self._samples}{{device={quoted(key.device_id)},metric={quoted(key.metric)}}}"
        rows = [row for part in _whole(grid) for row in self._rolled(selector, *part)]
        columns = np.array(rows, dtype=np.float64).reshape(-1, len(_ROLLUPS)).T
        return Buckets(
            times_s=columns[0],
            minimum=columns[1],
            mean=columns[2],
            maximum=columns[3],
            count=columns[4].astype(np.int64),
        )

    def _rolled(
        self, selector: str, origin_ms: int, width_ms: int, count: int
    ) -> list[tuple[float, ...]]:
        """Rows of `_ROLLUPS`, one for each of `count` buckets that holds a sample, in order."""
        # PromQL's windows are closed at their end: a bucket ends with its last millisecond. Near the
        # present they are asked for as if they were long past (see _EDGE_MS).
        first_ms = origin_ms + width_ms - 1
        last_ms = first_ms + (count - 1) * width_ms
        shift_ms = max(0, last_ms - (self._now_ms() - _EDGE_MS))
        names = ", ".join(f'"{name}"' for name in _ROLLUPS)
        offset = f" offset -{shift_ms}ms" if shift_ms else ""
        query = f"aggr_over_time(({names}), {selector}[{width_ms}ms]{offset})"
        rows: dict[int, dict[str, float]] = {}
        try:
            for labels, values in self._http.series_over(
                query, first_ms - shift_ms, last_ms - shift_ms, width_ms
            ):
                for at_s, value in values:
                    rows.setdefault(round(at_s * 1000), {})[labels["rollup"]] = float(value)
        except TooManySamples:
            if count == 1:
                raise
            half = count // 2
            middle_ms = origin_ms + half * width_ms
            return self._rolled(selector, origin_ms, width_ms, half) + self._rolled(
                selector, middle_ms, width_ms, count - half
            )
        return [tuple(rows[at][name] for name in _ROLLUPS) for at in sorted(rows)]

    def count(self, device_id: str | None) -> int:
        chosen = "" if device_id is None else f"device={quoted(device_id)}"
        query = f"sum(count_over_time({self._samples}{{{chosen}}}"
        return round(sum(value for _, value in self._ever(query, ")")))

    def position(self, stream: str) -> int:
        # Positions only grow within a stream, so the highest is the last, whoever wrote it when.
        selector = f"{self.measurement}_position{{stream={quoted(stream)}}}"
        for look_ms in _looks(self._ever_ms()):
            query = f"max_over_time({selector}[{look_ms}ms] offset -{2 * _DAY_MS}ms)"
            found = self._http.instant(query, self._now_ms() - _DAY_MS)
            if found:
                return round(max(value for _, value in found))
        return 0

    def write_position(self, stream: str, position: int) -> None:
        start = prefix(self.measurement, {"stream": stream}, "position")
        self._http.write([f"{start}{position} {self._tick_ms()}"])

    def close(self) -> None:
        self._http.close()

    def _ever(self, query: str, rest: str = "") -> list[tuple[dict[str, str], float]]:
        """An instant query over all there is; `query` ends where its window begins."""
        whole = f"{query}[{self._ever_ms()}ms] offset -{2 * _DAY_MS}ms){rest}"
        return self._http.instant(whole, self._now_ms() - _DAY_MS)

    def _ever_ms(self) -> int:
        return self._now_ms() - _SINCE_MS

    def _now_ms(self) -> int:
        return round(self._now_s() * 1000)

    def _tick_ms(self) -> int:
        """Now, and never the same twice: of two notes the later one is the newer one."""
        self._last_ms = max(self._now_ms(), self._last_ms + 1)
        return self._last_ms


def _key(labels: Mapping[str, str]) -> SeriesKey:
    return SeriesKey(labels.get("device", ""), labels.get("metric", ""))


def _parts(device_ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(device_ids), _DEVICES_A_REQUEST):
        yield device_ids[start : start + _DEVICES_A_REQUEST]


def _looks(ever_ms: int) -> Iterator[int]:
    """Ever longer windows: a living series costs little, a dead one what its age asks for."""
    look_ms = _FIRST_LOOK_MS
    while look_ms < ever_ms:
        yield look_ms
        look_ms *= _LOOK_FURTHER
    yield ever_ms


def _whole(grid: Grid) -> Iterator[tuple[int, int, int]]:
    """The grid as (origin, width, count) in milliseconds, with its first and last bucket cut to range."""
    width = grid.width_us // 1000
    origin, begin, end = grid.origin_us // 1000, grid.from_us // 1000, grid.until_us // 1000
    if begin > origin:
        until = min(origin + width, end)
        yield begin, until - begin, 1
        origin += width
    whole = max(0, (end - origin) // width)
    if whole:
        yield origin, width, whole
    origin += whole * width
    if origin < end:
        yield origin, end - origin, 1

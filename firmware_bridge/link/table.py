"""What the microcontroller said about its metrics, and samples → readings by it."""

from typing import Final, NamedTuple

from firmware_bridge.framing.crc import crc16
from firmware_bridge.framing.tally import Tally
from firmware_bridge.link.bodies import METRIC_KINDS, NO_LIMIT, Metric, encode_metric
from firmware_bridge.link.clock import ClockMap
from firmware_bridge.link.samples import Columns, Run
from firmware_bridge.messages.events import MetricInfo
from firmware_bridge.messages.naming import clean_unit, metric_name
from firmware_bridge.messages.readings import Readings, Value

_BOOLEAN: Final = METRIC_KINDS.index("boolean")


class Scale(NamedTuple):
    """How raw values of one metric become values: ``raw * times / over``."""

    name: str
    unit: str
    times: int
    over: int
    boolean: bool

    def value(self, raw: int) -> Value:
        """Return the value in the metric's unit."""
        return raw != 0 if self.boolean else raw * self.times / self.over


class MetricTable:
    """Rows by id. ``size`` and ``crc`` come from HELLO, rows from METRIC."""

    def __init__(self) -> None:
        self.size = 0
        self.crc = 0
        self._rows: dict[int, Metric] = {}
        self._scales: dict[int, Scale] = {}

    @property
    def complete(self) -> bool:
        """Whether every row that HELLO promised is here."""
        return len(self._rows) == self.size

    def expect(self, size: int, crc: int) -> bool:
        """Take HELLO's word; return whether the rows from before still hold."""
        self.size = size
        if crc != self.crc or not self.complete or self._sum() != crc:
            self._rows.clear()
            self._scales.clear()
        self.crc = crc
        return self.complete and size > 0

    def add(self, metric: Metric) -> bool:
        """Add a row; return whether this made the table complete. A table of the wrong sum is dropped."""
        if metric.id >= self.size or self._rows.get(metric.id) == metric:
            return False
        was_complete = self.complete
        self._rows[metric.id] = metric
        self._scales[metric.id] = _scale(metric)
        if was_complete or not self.complete:
            return False
        if self._sum() != self.crc:
            self._rows.clear()
            self._scales.clear()
            return False
        return True

    def missing(self) -> int | None:
        """Return the lowest id without a row."""
        return next((n for n in range(self.size) if n not in self._rows), None)

    def infos(self) -> tuple[MetricInfo, ...]:
        """Return the rows as users of the bridge see them, in order of ids."""
        return tuple(_info(self._rows[n]) for n in sorted(self._rows))

    def name(self, metric: int) -> str:
        """Return a metric's name, or its number as long as it is unknown."""
        scale = self._scales.get(metric)
        return scale.name if scale else str(metric)

    def readings(self, columns: Columns, shift_ms: int, clock: ClockMap, tally: Tally) -> Readings:
        """Turn decoded samples into readings; those of unknown metrics are counted and left out."""
        a, b = clock.line()
        failed: list[str] = []
        if None in columns.raws:
            columns, failed = self._without_gaps(columns, tally)
        scales = self._scales
        try:
            rows = [scales[metric] for metric in columns.metrics]
        except KeyError:
            columns, _ = self._without_gaps(columns, tally)
            rows = [scales[metric] for metric in columns.metrics]
        times = [ms + shift_ms for ms in columns.ms] if shift_ms else columns.ms
        return Readings(
            [row[0] for row in rows],
            [
                raw != 0 if boolean else raw * factor / over  # type: ignore[operator] # no None left
                for (_, _, factor, over, boolean), raw in zip(rows, columns.raws, strict=True)
            ],
            [row[1] for row in rows],
            [a + b * ms for ms in times],
            times,
            failed,
        )

    def _without_gaps(self, columns: Columns, tally: Tally) -> tuple[Columns, list[str]]:
        """Leave out samples of unknown metrics (counted) and failed ones (named)."""
        kept = Columns([], [], [])
        failed: list[str] = []
        for metric, ms, raw in zip(*columns, strict=True):
            if metric not in self._scales:
                tally.unknown += 1
            elif raw is None:
                failed.append(self._scales[metric].name)
            else:
                kept.metrics.append(metric)
                kept.ms.append(ms)
                kept.raws.append(raw)
        return kept, failed

    def run(self, run: Run, start_ms: int, clock: ClockMap, tally: Tally) -> Readings:
        """Turn a waveform into readings; their ``mcu_ms`` are rounded down, their times are not."""
        scale = self._scales.get(run.metric)
        if scale is None:
            tally.unknown += 1
            return Readings([], [], [], [], [])
        count = len(run.raws)
        a, b = clock.line()
        first_s, step_s = a + b * start_ms, b * run.step_us / 1000.0
        name, unit, factor, over, boolean = scale
        values: list[Value]
        if boolean:
            values = [raw != 0 for raw in run.raws]
        elif factor == 1:
            values = [raw / over for raw in run.raws]
        else:
            values = [raw * factor / over for raw in run.raws]
        return Readings(
            [name] * count,
            values,
            [unit] * count,
            [first_s + step_s * k for k in range(count)],
            _steps(start_ms, run.step_us, count),
        )

    def _sum(self) -> int:
        return crc16(b"".join(encode_metric(self._rows[n]) for n in sorted(self._rows)))


def _steps(start_ms: int, step_us: int, count: int) -> list[int]:
    whole_ms, rest_us = divmod(step_us, 1000)
    if rest_us == 0 and whole_ms:
        return list(range(start_ms, start_ms + whole_ms * count, whole_ms))
    if step_us == 0:
        return [start_ms] * count
    first_us = start_ms * 1000
    return [us // 1000 for us in range(first_us, first_us + step_us * count, step_us)]


def _scale(m: Metric) -> Scale:
    times = m.scale_m * 10 ** max(m.scale_e, 0)
    name = metric_name(m.name) or f"metric_{m.id}"
    return Scale(name, clean_unit(m.unit), times, 10 ** max(-m.scale_e, 0), m.kind == _BOOLEAN)


def _info(m: Metric) -> MetricInfo:
    scale = _scale(m)
    ends = [None if raw == NO_LIMIT else float(scale.value(raw)) for raw in (m.low, m.high)]
    kind = METRIC_KINDS[m.kind] if m.kind < len(METRIC_KINDS) else "gauge"
    low, high = ends if m.scale_m > 0 else ends[::-1]
    return MetricInfo(scale.name, scale.unit, kind, m.period_ms / 1000 or None, low, high)

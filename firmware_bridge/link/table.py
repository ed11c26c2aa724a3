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
        scales = self._scales
        names: list[str] = []
        units: list[str] = []
        values: list[Value] = []
        times: list[int] = []
        failed: list[str] = []
        for metric, ms, raw in zip(*columns, strict=True):
            scale = scales.get(metric)
            if scale is None:
                tally.unknown += 1
                continue
            name, unit, factor, over, boolean = scale
            if raw is None:
                failed.append(name)
                continue
            names.append(name)
            units.append(unit)
            values.append(raw != 0 if boolean else raw * factor / over)
            times.append(ms + shift_ms)
        a, b = clock.line()
        return Readings(names, values, units, [a + b * ms for ms in times], times, failed)

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
        values: list[Value] = (
            [raw != 0 for raw in run.raws] if boolean else [raw * factor / over for raw in run.raws]
        )
        return Readings(
            [name] * count,
            values,
            [unit] * count,
            [first_s + step_s * k for k in range(count)],
            [start_ms + k * run.step_us // 1000 for k in range(count)],
        )

    def _sum(self) -> int:
        return crc16(b"".join(encode_metric(self._rows[n]) for n in sorted(self._rows)))


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

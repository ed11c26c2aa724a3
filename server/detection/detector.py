"""The anomaly engine under the store's series numbers. One thread, the pipeline's, owns it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from anomaly import Engine, EngineSettings, Finding
from device_agent.wire import SensorInfo
from server.kit.settings import Settings
from server.telemetry.samples import SampleBatch, SeriesKey


def engine_settings(settings: Settings) -> EngineSettings:
    """What an operator chose of the engine's settings."""
    return EngineSettings(false_alarms_per_device_day=settings.false_alarms_per_device_day)


class Detector:
    """Samples in, findings out; its state travels as bytes with a stream position."""

    def __init__(self, settings: EngineSettings, state: bytes | None = None) -> None:
        self._engine = Engine(settings) if state is None else Engine.from_bytes(state, settings)
        self._engine_series = np.full(64, -1, dtype=np.int32)
        self._born_s: dict[str, float] = {}

    def register(self, series: int, key: SeriesKey, unit: str) -> None:
        """Tell which device and metric the store's number `series` stands for."""
        while len(self._engine_series) <= series:
            unknown = np.full(len(self._engine_series), -1, dtype=np.int32)
            self._engine_series = np.concatenate((self._engine_series, unknown))
        self._engine_series[series] = self._engine.series(key.device_id, key.metric, unit)

    def update(self, batch: SampleBatch, *, arrived_s: float) -> list[Finding]:
        """Judge a batch of registered series; `arrived_s` tells live data from backfill."""
        if not len(batch):
            return []
        series = self._engine_series[batch.series]
        return self._engine.update(series, batch.times_s, batch.values, arrived_s)

    def look_for_silence(self, now_s: float, behind: Mapping[str, str]) -> list[Finding]:
        """`behind` tells each device's gateway."""
        return self._engine.tick(now_s, behind)

    def listen_anew(self) -> None:
        """The clock of arrivals was set: patience with every device begins with the next look."""
        self._engine.listens_anew = True

    def note_state(
        self,
        device_id: str,
        *,
        online: bool,
        reason: str,
        born_s: float,
        at_s: float,
        boot: str = "",
    ) -> list[Finding]:
        """A birth, a will or a goodbye arrived; `born_s` is the device's own time in its birth.

        A will that belongs to an earlier birth than the newest is of a link long replaced.
        """
        if not online and born_s < self._born_s.get(device_id, born_s):
            return []
        self._born_s[device_id] = max(born_s, self._born_s.get(device_id, born_s))
        return self._engine.set_online(device_id, online, reason, at_s, boot)

    def note_limits(self, device_id: str, sensors: Iterable[SensorInfo]) -> None:
        """What a birth announces of its sensors; an open end is None."""
        for sensor in sensors:
            if sensor.limits is not None:
                low, high = sensor.limits
                self._engine.announce_limits(
                    device_id, sensor.name, sensor.unit,
                    -math.inf if low is None else low, math.inf if high is None else high,
                )  # fmt: skip

    def rebaseline(self, device_id: str, *, at_s: float, reason: str) -> list[Finding]:
        """Commissioning starts anew; findings against the old baseline end."""
        return self._engine.rebaseline(device_id, at_s, reason) or []

    def obey(self, cautions: Mapping[str, float]) -> None:
        """How cautious to be with each device from here on."""
        for device_id, caution in cautions.items():
            if self._engine.caution(device_id) != caution:
                self._engine.set_caution(device_id, caution)

    def parts(self) -> Sequence[bytes | memoryview]:
        """The state, in pieces that change apart from each other; good until the next call of any."""
        return self._engine.to_parts()

"""The engine: samples of many series in, findings out; state to bytes and back.

Thin on purpose: names and open findings live here, arithmetic in the kernel, words in wording.
The compiler is imported with the first samples, not with this module.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from anomaly import state as col
from anomaly.commissioning import hold, release, set_caution, vouch
from anomaly.errors import SamplesError, StateError
from anomaly.finding import Baseline, Finding
from anomaly.gateways import silences
from anomaly.limits import follows_demand, narrowed_limits, physical_limits
from anomaly.links import note_link, quietened
from anomaly.open_findings import OpenFindings
from anomaly.params import CAUTION, params_of
from anomaly.registry import Registry
from anomaly.serial import finding_from_json, parts, unpack
from anomaly.settings import EngineSettings
from anomaly.silence import link_state, may_be_silent, not_later_than, patience_s
from anomaly.state import Table, forget_baseline, forgive, new_series_row

Indices = npt.NDArray[np.int32]
Samples = npt.NDArray[np.float64]
Marks = tuple[npt.NDArray[np.float32], npt.NDArray[np.uint8]]
"""Scores 0..1 and alarms 0/1, shape (n,) each."""
_EVENT_ROWS = 4096
NOBODY: Mapping[str, str] = MappingProxyType({})


class Engine:
    """Streaming detection over any number of series; deterministic, O(1) state per series."""

    def __init__(self, settings: EngineSettings | None = None) -> None:
        self.settings = settings or EngineSettings()
        self._params = params_of(self.settings)
        self._names = Registry()
        self._open = OpenFindings()
        self._events: Table | None = None
        self.listens_anew = False  # then patience starts with the next tick: a clock was set
        self._listening_s = -math.inf  # nobody is called silent for time spent not listening

    # -- series

    def series(self, device: str, metric: str, unit: str = "") -> int:
        """Register a series, or look it up; returns its index."""
        known = self._names.find(device, metric)
        if known is not None:
            return known
        device_index = self._names.device(device)
        low, high = physical_limits(unit)
        row = new_series_row(device_index, low, high, demand=follows_demand(unit))
        row[col.CAUTION] = self._names.devices[device_index, col.D_CAUTION]
        row[col.NEXT] = self._names.devices[device_index, col.D_HEAD]
        index = self._names.add(device_index, metric, unit, row)
        self._names.devices[device_index, col.D_HEAD] = index
        self._names.devices[device_index, col.D_METRICS] += 1.0
        self._share_budget(device_index)
        return index

    def _share_budget(self, device_index: int) -> None:
        device = self._names.devices[device_index]
        device[col.D_SHARE] = self.settings.caution_for(int(device[col.D_METRICS]))

    # -- samples

    def update(
        self, series: Indices, times_s: Samples, values: Samples, arrived_s: float
    ) -> list[Finding]:
        """Take samples in arrival order, series mixed; returns findings opened, worse or ended.

        Shapes are (n,); samples not newer than their series' last, NaN, infinities and what is beyond
        1e100 are passed over. Raises SamplesError when the arrays do not fit or name an unknown series.
        """
        none = np.empty(0, np.float32), np.empty(0, np.uint8)
        return self._walk(series, times_s, values, arrived_s, none, none)

    def update_scored(
        self, series: Indices, times_s: Samples, values: Samples, arrived_s: float
    ) -> tuple[list[Finding], npt.NDArray[np.float32], npt.NDArray[np.uint8]]:
        """`update`, and each sample's score 0..1 and alarm 0/1 as of that sample, shape (n,)."""
        scores = np.zeros(len(times_s), np.float32)
        alarms = np.zeros(len(times_s), np.uint8)
        none = np.empty(0, np.float32), np.empty(0, np.uint8)
        findings = self._walk(series, times_s, values, arrived_s, (scores, alarms), none)
        return findings, scores, alarms

    def update_rows(
        self, series: Indices, times_s: Samples, values: Samples, arrived_s: float
    ) -> tuple[list[Finding], Marks, Marks]:
        """`update` for whole rows: samples of one device and time stand together and in one batch.

        Returns the findings, each sample's scores and alarms, and the same of its device as a
        whole, valid at the last sample of each row.
        """
        of_samples = np.zeros(len(times_s), np.float32), np.zeros(len(times_s), np.uint8)
        of_devices = np.zeros(len(times_s), np.float32), np.zeros(len(times_s), np.uint8)
        findings = self._walk(series, times_s, values, arrived_s, of_samples, of_devices)
        return findings, of_samples, of_devices

    def _walk(
        self, series: Indices, times_s: Samples, values: Samples, arrived_s: float,
        of_samples: Marks, of_devices: Marks,
    ) -> list[Finding]:  # fmt: skip
        indices = np.ascontiguousarray(series, np.int32)
        times = np.ascontiguousarray(times_s, np.float64)
        numbers = np.ascontiguousarray(values, np.float64)
        if not indices.ndim == 1 or not indices.shape == times.shape == numbers.shape:
            raise SamplesError(
                "series, times_s and values must be one-dimensional and equally long"
            )
        if len(indices) == 0:
            return []
        if indices.min() < 0 or indices.max() >= len(self._names):
            raise SamplesError(f"series must be 0..{len(self._names) - 1}")
        from anomaly.events import E_WIDTH  # noqa: PLC0415 - imports the compiler
        from anomaly.kernel import walk  # noqa: PLC0415 - imports the compiler

        if self._events is None:
            self._events = np.zeros((_EVENT_ROWS, E_WIDTH))
        found: list[Finding] = []
        at = 0
        while at < len(indices):
            at, count = walk(
                self._names.rows, self._names.devices, self._params, indices, times, numbers,
                float(arrived_s), at, self._events, *of_samples, *of_devices,
            )  # fmt: skip
            for event in self._events[:count]:
                found.extend(self._open.take(event, self._names))
        return found

    # -- silence

    def tick(self, now_s: float, behind: Mapping[str, str] = NOBODY) -> list[Finding]:
        """Which live devices have gone quiet as of `now_s`, on the clock of arrivals.

        `behind` tells each device's gateway: what falls silent with it is told once, on the gateway.
        After `from_bytes` patience starts with the first tick: the engine was away, not the devices.
        """
        if self.listens_anew:
            self.listens_anew, self._listening_s = False, now_s
        not_later_than(now_s, self._names.devices[: len(self._names.device_names)])
        due: dict[int, float] = {}
        devices = self._names.devices
        for index in may_be_silent(devices, now_s, self._listening_s, self.settings).tolist():
            device = devices[index]
            interval_s = self._interval_s(index)
            patience = patience_s(device, interval_s, self.settings)
            since = max(float(device[col.D_ARRIVED]), self._listening_s)
            if patience is not None and now_s - since > patience:
                due[index] = interval_s
        gone = silences(self._open, self._names, due, behind, self._interval_s, now_s)
        return gone + quietened(self._open, self._names.devices, now_s)

    def set_online(
        self, device: str, online: bool, reason: str, at_s: float, boot: str = ""
    ) -> list[Finding]:
        """What the device's link says: `birth`, `will` (hastens silence) or `shutdown` (none).

        `boot` is another one each time the device starts; empty where it does not say.
        """
        index = self._names.device(device)
        row = self._names.devices[index]
        before, row[col.D_LINK] = float(row[col.D_LINK]), link_state(online=online, reason=reason)
        row[col.D_LINK_T] = at_s
        return note_link(self._open, row, index, device, before, boot, at_s)

    def announce_limits(self, device: str, metric: str, unit: str, low: float, high: float) -> None:
        """What the sensor itself says it can read, on top of what the quantity can be."""
        series = self.series(device, metric, unit)
        self._names.rows[series, [col.LIMIT_LOW, col.LIMIT_HIGH]] = narrowed_limits(unit, low, high)

    def _interval_s(self, device_index: int) -> float:
        """The shortest usual interval of the device's series: how often it is heard."""
        known = self._names.rows[self._names.members(device_index), col.INTERVAL]
        shortest = float(min(known[known > 0.0], default=math.inf))
        return shortest if math.isfinite(shortest) else self.settings.silence_s

    # -- baseline

    def rebaseline(self, device: str, at_s: float, reason: str) -> list[Finding]:
        """A repair or new firmware: end what is open and start commissioning anew."""
        del reason  # kept in the port for the record that the caller writes
        index = self._names.device(device)
        members = self._names.members(index)
        for member in members:
            forget_baseline(self._names.rows[member])
        forgive(self._names.devices[index])
        return self._open.end_where(lambda key: key[0] in members, at_s)

    def hold(self, device: str) -> None:
        """The device is known healthy: learn and judge nothing until `release`."""
        for index in self._names.members(self._names.device(device)):
            hold(self._names.rows[index])

    def release(self, device: str) -> None:
        """Trust what was learned while held and judge from here on."""
        index = self._names.device(device)
        members = self._names.members(index)
        self._params[CAUTION] = self._names.devices[index, col.D_SHARE]
        for member in members:
            release(self._names.rows[member], self._params)
        if members:
            vouch(self._names.devices[index], [self._names.rows[member] for member in members])

    def vouched_until_s(self, device: str) -> float:
        """Until when a short healthy run vouches for the device's levels; -inf where none does."""
        index = self._names.device(device)
        return float(self._names.devices[index, col.D_RUN_END])

    def set_caution(self, device: str, factor: float) -> None:
        """1: as the settings say, more: quieter, less: stricter. Outlives a new baseline.

        Raises SettingsError outside `tuning.CAUTION_RANGE`.
        """
        index = self._names.device(device)
        members = self._names.rows, self._names.members(index)
        set_caution(self._names.devices[index], *members, factor)

    def caution(self, device: str) -> float:
        index = self._names.device(device)
        return float(self._names.devices[index, col.D_CAUTION])

    def baseline(self, series: int, at_s: float | None = None) -> Baseline | None:
        """What the series usually reads, at a time of day where it has a profile; None: not yet."""
        row = self._names.rows[series]
        judge = row[col.LEVEL :]
        if judge[col.PHASE] != col.JUDGING or row[col.COUNTER] == 1.0:
            return None  # of a counter its rate is judged, not what it reads
        low, high = judge[col.LOW] - judge[col.ALLOW], judge[col.HIGH] + judge[col.ALLOW]
        usual = float(judge[col.USUAL])
        if row[col.PROFILE_READY] != 0.0:
            time_s = float(row[col.LAST_T]) if at_s is None else at_s
            place = int(time_s % 86400.0 / 86400.0 * col.PROFILE_BINS)
            usual = float(row[col.BINS + place])
        return Baseline(usual, low=min(float(low), usual), high=max(float(high), usual))

    def limits(self, series: int) -> tuple[float, float]:
        """Lowest and highest reading that its sensor or physics allows; infinite where unknown."""
        row = self._names.rows[series]
        return float(row[col.LIMIT_LOW]), float(row[col.LIMIT_HIGH])

    def health(self, device: str) -> float:
        """1 is healthy; each open finding takes its share of severity by confidence."""
        left = 1.0
        for finding in self._open.values():
            if finding.device == device:
                left *= 1.0 - finding.severity * finding.confidence
        return left

    def open_findings(self) -> list[Finding]:
        """What is open now, oldest first."""
        return sorted(self._open.values(), key=lambda finding: (finding.onset_s, finding.id))

    # -- state

    def to_bytes(self) -> bytes:
        """The whole state, names included; `from_bytes` continues as if nothing had happened."""
        return b"".join(self.to_parts())

    def to_parts(self) -> list[bytes | memoryview]:
        """`to_bytes` in pieces, of which those change that hold a series or device that changed.

        They are views of the living state: good until anything else is asked of the engine.
        """
        return parts(self._names.as_text(), self._open, self._names.rows, self._names.devices)

    @classmethod
    def from_bytes(cls, data: bytes, settings: EngineSettings | None = None) -> Engine:
        """Raises StateError for bytes that are not a whole state of this version."""
        registry, rows, devices = unpack(data)
        engine = cls(settings)
        engine.listens_anew = True
        try:
            engine._names = Registry.from_json(registry["names"], rows, devices)
            for series, code, record in registry["open"]:
                engine._open[int(series), int(code)] = finding_from_json(record)
            for index in range(len(devices)):
                engine._share_budget(index)
        except (KeyError, TypeError, ValueError) as error:
            if isinstance(error, StateError):
                raise
            raise StateError(f"registry cannot be read: {error}") from error
        return engine


def warm_up() -> None:
    """Compile the kernel now (seconds, once per installation) rather than with the first samples."""
    engine = Engine()
    series = engine.series("warm-up", "warm-up")
    engine.update(np.full(1, series, np.int32), np.ones(1), np.ones(1), 1.0)

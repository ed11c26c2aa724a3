"""What would last month have looked like? Stored samples through fresh detectors, under another caution.

Read from the store in steps of at most 18 s (5,000 a day), so that a month fits through any store; what
is faster is averaged within the step. Silence of whole devices hangs on arrival and is not replayed.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

import numpy as np
from sqlalchemy.orm import Session

from anomaly import EngineSettings, Finding
from anomaly.tuning import Label
from server.detection import repository, tuning
from server.detection.detector import Detector
from server.detection.model import BaselineRequest, FindingLabel
from server.device import repository as devices
from server.kit.clock import from_unix
from server.kit.errors import BadInput, Conflict
from server.telemetry.samples import SampleBatch, SeriesKey
from server.telemetry.store import MAX_POINTS, TelemetryStore

DAY_S = 86_400.0
MAX_DEVICES = 20
MAX_DAYS = 92
LEARN_DAYS = 14
"""So much history goes through the detectors before the days that are asked about."""
_BEFORE_LABEL = timedelta(days=14)

TURN_S = 10.0
"""So long a replay waits for another one to end: one that was just stopped ends within a day of samples."""
_turn = threading.Lock()

Progress = Callable[[float, str], None]


@dataclass(frozen=True, slots=True)
class Question:
    """`cautions`: one replay each; the cohort's newest labelled devices first, at most MAX_DEVICES."""

    cohort: str
    cautions: tuple[float, ...]
    since: datetime
    until: datetime

    def __post_init__(self) -> None:
        days = (self.until - self.since) / timedelta(days=1)
        if not 0 < days <= MAX_DAYS:
            raise BadInput("days", f"must be above 0 and at most {MAX_DAYS}")


@dataclass(frozen=True, slots=True)
class Answer:
    """One replay. Of the labels of that time, how many the findings would have met."""

    caution: float
    readings: int
    """So many (or means of steps) were read of the days asked about; none: nothing to judge by."""
    findings: int
    by_kind: dict[str, int]
    devices: int
    devices_with_findings: int
    confirmed: int
    confirmed_found: int
    missed: int
    missed_found: int
    no_fault: int
    no_fault_repeated: int


@dataclass(frozen=True, slots=True)
class Known:
    """What the records say about the replayed devices, read before the long work begins."""

    device_ids: list[str]
    labels: Sequence[FindingLabel]
    baselines: dict[str, list[BaselineRequest]]


@dataclass(frozen=True, slots=True)
class Wish:
    """The question that people ask: the caution that holds, and another one."""

    question: Question
    about: Known
    holds: float


class ReplayUnderWay(Conflict):
    """One at a time: each takes a whole processor for a minute or two."""


def asked(session: Session, cohort: str, caution: float, days: float, *, now: datetime) -> Wish:
    """Raises BadInput when no device is of the cohort."""
    newest = repository.newest_tuning(session, cohort)
    holds = newest.caution if newest else 1.0
    cautions = tuple(dict.fromkeys((holds, caution)))
    question = Question(cohort, cautions, now - timedelta(days=days), now)
    return Wish(question, known(session, question), holds)


def known(session: Session, question: Question) -> Known:
    """Raises BadInput when no device is of the cohort."""
    members = [i for i, m in devices.models(session) if tuning.cohort_of(m) == question.cohort]
    if not members:
        raise BadInput("cohort", f"no device is of the model {question.cohort!r}")
    labels = repository.current_labels(session, question.cohort, since=question.since)
    labels = [row for row in labels if row.at < question.until]
    labelled = [row.device_id for row in labels if row.device_id in set(members)]
    chosen = list(dict.fromkeys([*labelled, *members]))[:MAX_DEVICES]
    return Known(chosen, labels, {i: repository.baseline_requests(session, i) for i in chosen})


def replay(
    store: TelemetryStore, question: Question, about: Known, settings: EngineSettings,
    tell: Progress = lambda _share, _doing: None,
) -> list[Answer]:  # fmt: skip
    """One answer for each caution, in their order. What `tell` raises ends it.

    Raises ReplayUnderWay where another one has not ended after a wait.
    """
    if not _turn.acquire(timeout=TURN_S):
        raise ReplayUnderWay("another replay is under way: wait until it is done, or stop it")
    try:
        return _replayed(store, question, about, settings, tell)
    finally:
        _turn.release()


def _replayed(
    store: TelemetryStore, question: Question, about: Known, settings: EngineSettings,
    tell: Progress,
) -> list[Answer]:  # fmt: skip
    found: dict[float, list[Finding]] = {caution: [] for caution in question.cautions}
    count, readings = len(about.device_ids), 0
    for number, device_id in enumerate(about.device_ids):

        def tell_part(share: float, number: int = number, device_id: str = device_id) -> None:
            tell((number + share) / count, device_id)

        played = _Played(store, question, about, device_id, settings)
        for caution, findings in played.findings(tell_part):
            found[caution] += findings
        readings += played.readings
    tell(1.0, "done")
    return [_answer(caution, readings, found[caution], about) for caution in question.cautions]


class _Played:
    """One device's samples through a fresh detector for each caution."""

    def __init__(
        self, store: TelemetryStore, question: Question, about: Known, device_id: str,
        settings: EngineSettings,
    ) -> None:  # fmt: skip
        self._store, self._question, self._device_id = store, question, device_id
        self._requests = [(row.at.timestamp(), row.reason) for row in about.baselines[device_id]]
        units = store.metrics(device_id)
        self._keys = [SeriesKey(device_id, metric) for metric in sorted(units)]
        self._detectors = {caution: Detector(settings) for caution in question.cautions}
        for caution, detector in self._detectors.items():
            detector.obey({device_id: caution})
            for series, key in enumerate(self._keys):
                detector.register(series, key, units[key.metric])
        self.readings = 0

    def findings(self, tell: Callable[[float], None]) -> Iterator[tuple[float, list[Finding]]]:
        """By caution, of the days asked about."""
        first: dict[float, dict[str, Finding]] = {caution: {} for caution in self._detectors}
        since_s = self._question.since.timestamp()
        days = list(_days(self._question, [at_s for at_s, _ in self._requests]))
        for number, (from_s, to_s) in enumerate(days):
            tell(number / len(days))
            batch = _samples(self._store, self._keys, from_s, to_s)
            self.readings += int((batch.times_s >= since_s).sum())
            for caution, detector in self._detectors.items():
                for at_s, reason in self._requests:
                    if at_s == from_s:
                        detector.rebaseline(self._device_id, at_s=at_s, reason=reason)
                for finding in detector.update(batch, arrived_s=to_s):
                    at_first = first[caution].setdefault(finding.id, finding)
                    if finding.ended_s is not None and at_first is not finding:
                        first[caution][finding.id] = finding
        for caution, found in first.items():
            yield caution, [f for f in found.values() if f.detected_s >= since_s]


def _days(question: Question, also: Sequence[float]) -> Iterator[tuple[float, float]]:
    """From the learning time to the end, a day at a time, cut also where a baseline began anew."""
    start_s = question.since.timestamp() - LEARN_DAYS * DAY_S
    end_s = question.until.timestamp()
    cuts = {start_s, end_s, *np.arange(start_s, end_s, DAY_S).tolist()}
    cuts |= {at_s for at_s in also if start_s < at_s < end_s}
    edges = sorted(cuts)
    return pairwise(edges)


def _samples(
    store: TelemetryStore, keys: Sequence[SeriesKey], from_s: float, to_s: float
) -> SampleBatch:
    """All series of a device in order of time."""
    columns = []
    for series, key in enumerate(keys):
        seen = store.query(key, from_s=from_s, to_s=to_s, points=MAX_POINTS)
        columns.append((np.full(len(seen.times_s), series, np.int32), seen.times_s, seen.mean))
    if not columns:
        return SampleBatch(np.empty(0, np.int32), np.empty(0), np.empty(0))
    series_of, times, values = (np.concatenate(part) for part in zip(*columns, strict=True))
    order = np.lexsort((series_of, times))
    return SampleBatch(series_of[order], times[order], values[order])


def _answer(caution: float, readings: int, findings: list[Finding], about: Known) -> Answer:
    here = [row for row in about.labels if row.device_id in set(about.device_ids)]
    met = {row.id: any(_met(row, finding) for finding in findings) for row in here}

    def count(label: Label, *, only_met: bool) -> int:
        return sum(row.label == label and (met[row.id] or not only_met) for row in here)

    return Answer(
        caution=caution,
        readings=readings,
        findings=len(findings),
        by_kind=dict(sorted(Counter(finding.kind for finding in findings).items())),
        devices=len(about.device_ids),
        devices_with_findings=len({finding.device for finding in findings}),
        confirmed=count(Label.CONFIRMED, only_met=False),
        confirmed_found=count(Label.CONFIRMED, only_met=True),
        missed=count(Label.MISSED, only_met=False),
        missed_found=count(Label.MISSED, only_met=True),
        no_fault=count(Label.NO_FAULT, only_met=False),
        no_fault_repeated=count(Label.NO_FAULT, only_met=True),
    )


def _met(label: FindingLabel, finding: Finding) -> bool:
    """Whether the finding speaks of what the label judges: same device and part, at that time."""
    if finding.device != label.device_id or from_unix(finding.detected_s) > label.at:
        return False
    if finding.ended_s is not None and from_unix(finding.ended_s) < label.at - _BEFORE_LABEL:
        return False
    parts = {metric.split("/", 1)[0] for metric in finding.metrics}
    return not label.component or label.component in parts or not parts

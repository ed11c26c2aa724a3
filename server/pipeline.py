"""The hot path, top to bottom: message → readings → stored → detected → incident → acknowledged.

Everything that a batch of messages does is here, in order. Three positions in the stream tell a
restart what is done already, and each moves in one transaction with what it speaks of:

    checkpoint ≤ recorded, stored       (the pipeline's memory · records · telemetry)

A restart reads on from the checkpoint. Up to `recorded` only the detector sees the messages again,
and what it says of them is known; up to `stored` no sample is stored again. The detector goes by the
samples' own time, so the outcome is as if nothing had happened (docs/decisions/0008-delivery.md).
"""

from __future__ import annotations

import logging
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate

from prometheus_client import Counter, Histogram
from sqlalchemy.orm import Session

from anomaly import Finding, StateError
from device_agent.wire import Pack
from server.command import service as commands
from server.detection import checkpoints, tuning
from server.detection import service as detection
from server.detection.detector import Detector, engine_settings
from server.detection.share import EVERYTHING, Share
from server.device import service as devices
from server.incident import service as incidents
from server.ingest import quarantine, remembered
from server.ingest.arrival_clock import ArrivalClock
from server.ingest.arrivals import Arrivals, Understanding, devices_named
from server.ingest.foreign.topic_map import TopicMap
from server.ingest.last_heard import LastHeard
from server.ingest.outcomes import note_outcomes
from server.ingest.refusal_budget import RefusalBudget
from server.ingest.shares import Shares
from server.ingest.showing_out import show_out
from server.ingest.source import Message, split
from server.kit.clock import Clock, from_unix
from server.kit.database import Database
from server.kit.settings import Settings
from server.telemetry.ages import note_ages
from server.telemetry.collect import Collector, Columns
from server.telemetry.samples import SampleBatch, SeriesKey
from server.telemetry.store import TelemetryStore

log = logging.getLogger(__name__)

NO_TOPICS = TopicMap()

SAMPLES = Counter("forewarn_samples", "Samples processed, by outcome", ["outcome"])
FINDINGS = Counter("forewarn_findings", "Findings that began, grew or ended, by kind", ["kind"])
BATCH_SECONDS = Histogram("forewarn_batch_seconds", "Time to process one batch of messages")


@dataclass(frozen=True, slots=True)
class PipelineParts:
    """What the pipeline works on; owned and closed by whoever made it."""

    store: TelemetryStore
    records: Database
    clock: Clock
    settings: Settings
    after_commit: Callable[[], None]
    topics: TopicMap = NO_TOPICS
    """Which foreign topics are whose."""
    ask: Callable[[str, bytes], None] = lambda _topic, _payload: None
    """Publish a question to a foreign device; must neither wait nor fail."""


@dataclass(frozen=True, slots=True)
class Understood:
    """Messages, and what they say."""

    messages: Sequence[Message]
    arrivals: Arrivals
    columns: Columns


class Pipeline:
    """Owned by one thread; another may `understand` the next batch while this one takes in the last.

    After an exception throw it away and make another: it resumes.
    """

    def __init__(self, stream: str, parts: PipelineParts, share: Share = EVERYTHING) -> None:
        # The stream is read by several when it is shared; each has positions of its own.
        self._stream = stream if share is EVERYTHING else f"{stream} {share.name}"
        self._share = share
        self._store = parts.store
        self._records = parts.records
        self._clock = parts.clock
        self._settings = parts.settings
        self._after_commit = parts.after_commit
        with self._records.reading() as session:
            resume = checkpoints.resume(session, self._stream, shard=share.name)
        self.position = resume.replay_after
        """Of the last message processed."""
        self._checkpointed = self.position
        self._tuning_id = resume.tuning_id
        self._saved = resume.digests
        self._recorded = max(resume.recorded, resume.replay_after)
        self._stored = max(self._store.position(self._stream), resume.replay_after)
        self._detector = self._awakened(resume.state)
        self._collector = Collector(self._register)
        self._ask = parts.ask
        seen, translation = remembered.from_bytes(resume.seen_packs or b"", parts.topics)
        self._understanding = Understanding(
            seen,
            future_tolerance_s=self._settings.future_tolerance_s,
            take=self._collect,
            translation=translation,
            holds=share.holds,
        )
        self._budget = RefusalBudget()
        self._buckets = Shares(samples_per_s=self._settings.device_samples_per_s)
        self._heard = LastHeard()
        self._arrival_clock = ArrivalClock(parts.clock)

    def _awakened(self, state: bytes | None) -> Detector:
        """The detector as it was; a new one where an upgrade can't read its memory any more."""
        settings = engine_settings(self._settings)
        try:
            return Detector(settings, state)
        except StateError as error:
            log.warning("the detectors learn anew, their memory can't be read: %s", error)
            with self._records.transaction() as session:
                # Nobody is left to say when these end; what is still wrong will be found again.
                self._share.prove(session)
                ended = detection.end_open_findings(
                    session, now=self._clock.now(), of=self._share.holds
                )
                incidents.absorb(session, ended, now=self._clock.now(), settings=self._settings)
            self._after_commit()
            return Detector(settings)

    def process(self, messages: Sequence[Message]) -> None:
        """One batch in stream order, newer than `position`."""
        self.take_in(self.understand(messages))

    def understand(self, messages: Sequence[Message]) -> list[Understood]:
        """What a batch says, in the parts in which it is taken in; each batch must be, in order."""
        return [
            Understood(part, self._understand(part), self._collector.take())
            for part in split(messages, at=(self._recorded, self._stored))
        ]

    def take_in(self, parts: Iterable[Understood]) -> None:
        with BATCH_SECONDS.time():
            for part in parts:
                self._take_in(part.messages[-1], part.arrivals, part.columns)
                self.position = part.messages[-1].position

    def _take_in(self, last: Message, arrivals: Arrivals, columns: Columns) -> None:
        if self._arrival_clock.heard(last.received_s):
            self._detector.listen_anew()
        batch = self._collector.resolve(columns)
        if last.position > self._stored:
            self._append(batch, last.position)
        findings = self._detect(batch, arrivals, arrived_s=last.received_s)
        if last.position > self._recorded:
            # What only says that devices were heard is nobody else's to decide by.
            over = self._buckets.note(arrivals.costs, at_s=last.received_s)
            apart = arrivals.only_samples and not findings and not over
            with self._records.transaction(apart=apart) as session:
                self._share.prove(session)
                self._record(session, arrivals)
                show_out(session, over, position=last.position, now=self._clock.now())
                self._conclude(session, findings)
                detection.note_recorded(
                    session, self._stream, last.position, shard=self._share.name
                )
            self._recorded = last.position
            self._after_commit()
            for topic, payload in arrivals.questions:
                self._ask(topic, payload)
        note_ages(arrivals.newest_s, now_s=self._clock.now().timestamp())

    def _understand(self, messages: Sequence[Message]) -> Arrivals:
        heard = self._understanding.translate(messages)
        with self._records.reading() as session:
            known = devices.active_ids(session, devices_named(messages))
            rights = devices.foreign_topics(session, heard.devices()) if heard.said else {}
        arrivals = self._understanding.of(messages, known, heard, rights)
        note_outcomes(len(messages) - heard.elsewhere, arrivals)
        return arrivals

    def _collect(self, device_id: str, pack: Pack) -> None:
        self._collector.add(device_id, pack.names, pack.units, pack.times_s, pack.values)

    def _register(self, key: SeriesKey, unit: str) -> int:
        series = self._store.series_id(key, unit)
        self._detector.register(series, key, unit)
        return series

    def _append(self, batch: SampleBatch, position: int) -> None:
        done = self._store.append(batch, stream=self._stream, position=position)
        self._stored = position
        SAMPLES.labels("stored").inc(done.stored)
        SAMPLES.labels("duplicate").inc(done.duplicates)
        SAMPLES.labels("expired").inc(done.expired)

    def _detect(self, batch: SampleBatch, arrivals: Arrivals, *, arrived_s: float) -> list[Finding]:
        """Samples and states in the order in which they came, whatever batch they came in."""
        findings: list[Finding] = []
        ends = list(accumulate(count for _, count in arrivals.samples))
        positions = [position for position, _ in arrivals.samples]
        done = 0
        for message, device_id, state in arrivals.states:
            before = bisect_left(positions, message.position)
            until = ends[before - 1] if before else 0
            findings += self._detector.update(batch.part(done, until), arrived_s=arrived_s)
            findings += self._detector.note_state(
                device_id,
                online=state.status == "online",
                reason=state.reason,
                born_s=state.time_s,
                at_s=message.received_s,
                boot=state.boot,
            )
            self._detector.note_limits(device_id, state.sensors)
            done = until
        return findings + self._detector.update(batch.part(done, len(batch)), arrived_s=arrived_s)

    def _record(self, session: Session, arrivals: Arrivals) -> None:
        """What devices said besides samples, and what was refused."""
        now = self._clock.now()
        quarantine.keep(session, *self._budget.split(arrivals.refusals))
        devices.mark_seen(session, self._heard.news(arrivals.seen_s), now=now)
        states = ((d, state, from_unix(m.received_s)) for m, d, state in arrivals.states)
        devices.record_states(session, states, now=now)
        devices.record_events(session, arrivals.all_events(), now=now)
        for _message, device_id, result in arrivals.results:
            commands.record_result(session, device_id, result, now=now)

    def _conclude(self, session: Session, findings: Iterable[Finding]) -> None:
        """Findings onto the record and into their cases."""
        now = self._clock.now()
        records = detection.record(session, findings, now=now)
        incidents.absorb(session, records, now=now, settings=self._settings)
        for record in records:
            FINDINGS.labels(record.kind).inc()

    def look_for_silence(self) -> None:
        """Called now and then: a device that says nothing sends no message to notice it by."""
        with self._records.reading() as session:
            behind = devices.gateways(session)
        findings = self._detector.look_for_silence(self._arrival_clock.now_s(), behind)
        if findings:
            self._save(findings)

    def checkpoint(self) -> int:
        """Save the pipeline's memory if it changed; the position returned may be acknowledged."""
        with self._records.reading() as session:
            waiting = detection.baseline_requests_wait(session, of=self._share.holds)
            tuned = tuning.newest_id(session) != self._tuning_id
        if waiting or tuned or self.position != self._checkpointed:
            self._save([], apply_requests=waiting)
        return self.position

    def pass_over(self, position: int) -> None:
        """Nothing up to `position` is of this share: the next checkpoint need not wait for a message."""
        self.position = max(self.position, position)

    def _save(self, findings: list[Finding], *, apply_requests: bool = False) -> None:
        # What did not come from the stream (silence, a new baseline) can't be replayed from it:
        # it is committed together with the memory that includes it.
        self._store.sync(self._stream)
        now = self._clock.now()
        apart = not findings and not apply_requests
        with self._records.reading() as session:
            self._tuning_id = tuning.newest_id(session)
            self._detector.obey(tuning.device_cautions(session))
        # Other writers wait for what is done in the transaction.
        memory = None if apply_requests else checkpoints.change(self._saved, self._detector.parts())
        with self._records.transaction(apart=apart) as session:
            self._share.prove(session)
            requests = (
                detection.take_baseline_requests(session, now=now, of=self._share.holds)
                if apply_requests
                else ()
            )
            for request in requests:
                findings += self._detector.rebaseline(
                    request.device_id, at_s=request.at.timestamp(), reason=request.reason
                )
            self._conclude(session, findings)
            memory = memory or checkpoints.change(self._saved, self._detector.parts())
            checkpoints.save_checkpoint(
                session, self._stream, self.position, memory=memory, now=now, shard=self._share.name,
                seen_packs=self._understanding.memory(), tuning_id=self._tuning_id,
            )  # fmt: skip
        self._checkpointed, self._saved = self.position, memory.digests
        self._after_commit()

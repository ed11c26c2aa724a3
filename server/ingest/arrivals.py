"""Messages understood: every one becomes what it says, or a refusal with field and reason.

Authorised by topic: the broker lets a device publish under its own id only, and here the id must be
on record. What came under a foreign topic counts for a device that was given this topic, or lies behind
one that was. Nothing is dropped: a pack with some samples from the future keeps the others, and is
refused for those.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import Final

from device_agent.wire import (
    CommandResult,
    DeviceEvent,
    DeviceState,
    Pack,
    TextReading,
    WireError,
    decode_event,
    decode_pack,
    decode_result,
    decode_state,
    parse_topic,
)
from server.ingest.duplicates import SeenPacks
from server.ingest.foreign.rights import NO_RIGHTS, NOTHING_HEARD, Heard, Rights, may_not
from server.ingest.foreign.said import Said
from server.ingest.foreign.topic_map import TopicMap
from server.ingest.foreign.translation import Translation
from server.ingest.remembered import to_bytes
from server.ingest.shares import MESSAGE_COSTS
from server.ingest.source import Message

OUR_TOPICS: Final = "devices/"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a message, or a part of it, was not taken in."""

    message: Message
    device_id: str | None
    field: str
    reason: str


@dataclass(slots=True)
class Arrivals:
    """A batch by what it carries, each list in stream order."""

    packs: list[tuple[Message, str, Pack]] = field(default_factory=list)
    """Empty where they were handed over one by one."""
    samples: list[tuple[int, int]] = field(default_factory=list)
    """(position, count) of each pack."""
    newest_s: list[float] = field(default_factory=list)
    """Time of each pack's newest sample."""
    texts: list[tuple[str, TextReading]] = field(default_factory=list)
    duplicates: int = 0
    states: list[tuple[Message, str, DeviceState]] = field(default_factory=list)
    events: list[tuple[Message, str, DeviceEvent]] = field(default_factory=list)
    results: list[tuple[Message, str, CommandResult]] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    questions: list[tuple[str, bytes]] = field(default_factory=list)
    """(topic, payload) to be published: foreign devices are asked to introduce themselves again."""
    costs: dict[str, float] = field(default_factory=dict)
    """Device to what its messages cost, in samples (`server.ingest.shares`)."""
    seen_s: dict[str, float] = field(default_factory=dict)
    """Device to the arrival of its newest message."""

    @property
    def only_samples(self) -> bool:
        """True when nothing but numbers came, so that only a time of arrival is to be noted."""
        return not (self.states or self.events or self.results or self.refusals or self.texts)

    def all_events(self) -> list[tuple[str, DeviceEvent]]:
        """Events, and string samples, which are kept as events."""
        texts = [(device_id, text_event(text)) for device_id, text in self.texts]
        return [(device_id, event) for _, device_id, event in self.events] + texts

    def charge(self, device_id: str, samples: float) -> None:
        self.costs[device_id] = self.costs.get(device_id, 0.0) + samples


class Understanding:
    """Decodes batches; remembers which packs it has seen, and what foreign devices announced."""

    def __init__(
        self,
        seen: SeenPacks,
        *,
        future_tolerance_s: float,
        take: Callable[[str, Pack], None] | None = None,
        translation: Translation | None = None,
        holds: Callable[[str], bool] = lambda _device_id: True,
    ) -> None:
        """`holds` tells the devices of this pipeline: foreign messages are sent to every one. `take` is handed each pack of a device at once: a pack is made into columns best while the
        processor has it in its cache.
        """
        self.seen = seen
        self._take = take
        self._translation = translation or Translation(TopicMap())
        self._holds = holds
        self._future_tolerance_s = future_tolerance_s
        self._leaves: dict[str, Callable[[Arrivals, Message, str], None]] = {
            "telemetry": self._telemetry,
            "state": self._state,
            "events": self._event,
            "results": self._result,
        }

    def memory(self) -> bytes:
        """For the checkpoint; `server.ingest.remembered` reads it."""
        return to_bytes(self.seen, self._translation)

    def translate(self, messages: Iterable[Message]) -> Heard:
        """What foreign messages say; once for each, in order."""
        said: dict[int, list[Said] | WireError] = {}
        elsewhere = 0
        for message in messages:
            if not message.topic.startswith(OUR_TOPICS):
                ours = said[message.position] = self._ours_of(message)
                elsewhere += ours == [] and not self._holds(message.topic)
        return Heard(said, elsewhere)

    def _ours_of(self, message: Message) -> list[Said] | WireError:
        """What a foreign message says of devices of this pipeline.

        What nobody can tell whose it is, a message that can't be read for one, is of the pipeline that
        holds the topic's own text: refused once.
        """
        owner = self._translation.owner(message.topic)
        if owner is not None and not self._holds(owner):
            return []
        try:
            return [one for one in self._translation.of(message) if self._holds(one.device_id)]
        except WireError as error:
            return error if self._holds(owner or message.topic) else []

    def of(
        self,
        messages: Iterable[Message],
        known: Collection[str],
        heard: Heard = NOTHING_HEARD,
        rights: Rights = NO_RIGHTS,
    ) -> Arrivals:
        """Understand `messages`, in order; `known` are the ids of devices on record among them.

        `heard` is what `translate` made of them, `rights` those of the devices named there.
        """
        arrivals = Arrivals()
        for message in messages:
            if heard.said and (said := heard.said.get(message.position)) is not None:
                self._foreign(arrivals, message, said, rights)
                continue
            try:
                device_id, leaf = parse_topic(message.topic)
            except WireError as error:
                arrivals.refusals.append(Refusal(message, None, error.field, error.reason))
                continue
            try:
                if device_id in known:
                    arrivals.charge(device_id, MESSAGE_COSTS)
                self._accept(arrivals, message, device_id, leaf, known)
            except WireError as error:
                arrivals.refusals.append(Refusal(message, device_id, error.field, error.reason))
            else:
                arrivals.seen_s[device_id] = message.received_s
        return arrivals

    def _foreign(
        self, arrivals: Arrivals, message: Message, said: list[Said] | WireError, rights: Rights
    ) -> None:
        if isinstance(said, WireError):
            arrivals.refusals.append(Refusal(message, None, said.field, said.reason))
            return
        for one in said:
            device_id = one.device_id
            if (fault := may_not(one, rights)) is not None:
                arrivals.refusals.append(Refusal(message, device_id, *fault))
                continue
            arrivals.charge(device_id, MESSAGE_COSTS)
            arrivals.seen_s[device_id] = message.received_s
            arrivals.refusals += [Refusal(message, device_id, *f) for f in one.faults]
            if one.question is not None:
                arrivals.questions.append(one.question)
            if one.state is not None:
                arrivals.states.append((message, device_id, one.state))
            if one.pack is not None and message.retained and not one.dated:
                arrivals.duplicates += 1  # a copy of unknown age; the next value is on its way
            elif one.pack is not None:
                self._keep(arrivals, message, device_id, one.pack)

    def _accept(
        self,
        arrivals: Arrivals,
        message: Message,
        device_id: str,
        leaf: str,
        known: Collection[str],
    ) -> None:
        if device_id not in known:
            raise WireError("device_id", "is not on record, or was revoked")
        understand = self._leaves.get(leaf)
        if understand is None:
            raise WireError("topic", f"devices do not publish {leaf}")
        understand(arrivals, message, device_id)

    def _telemetry(self, arrivals: Arrivals, message: Message, device_id: str) -> None:
        pack = decode_pack(message.payload, device_id=device_id, received_s=message.received_s)
        if message.retained:
            _refuse_undated(message, device_id)
        if (
            pack.boot is not None
            and pack.seq is not None
            and not self.seen.is_new(device_id, pack.boot, pack.seq)
        ):
            arrivals.duplicates += 1
            return
        self._keep(arrivals, message, device_id, pack)

    def _keep(self, arrivals: Arrivals, message: Message, device_id: str, pack: Pack) -> None:
        """All of a pack but its samples from the future."""
        latest_s = message.received_s + self._future_tolerance_s
        newest_s = max(pack.times_s, default=0.0)
        if newest_s > latest_s or any(t.time_s > latest_s for t in pack.texts):
            whole = len(pack)
            pack = _without_future(pack, latest_s)
            reason = (
                f"{whole - len(pack)} of {whole} samples are more than "
                f"{self._future_tolerance_s:g} s in the future: check the device's clock"
            )
            arrivals.refusals.append(Refusal(message, device_id, "t", reason))
        arrivals.charge(device_id, len(pack.names))
        arrivals.newest_s.append(newest_s)
        arrivals.samples.append((message.position, len(pack.names)))
        if pack.texts:
            arrivals.texts += [(device_id, text) for text in pack.texts]
        if self._take is None:
            arrivals.packs.append((message, device_id, pack))
        else:
            self._take(device_id, pack)

    @staticmethod
    def _state(arrivals: Arrivals, message: Message, device_id: str) -> None:
        arrivals.states.append((message, device_id, decode_state(message.payload)))

    @staticmethod
    def _event(arrivals: Arrivals, message: Message, device_id: str) -> None:
        arrivals.events.append((message, device_id, decode_event(message.payload)))

    @staticmethod
    def _result(arrivals: Arrivals, message: Message, device_id: str) -> None:
        arrivals.results.append((message, device_id, decode_result(message.payload)))


def devices_named(messages: Iterable[Message]) -> set[str]:
    """The ids that stand in the topics of a batch, well-formed or not."""
    return {parts[1] for m in messages if len(parts := m.topic.split("/", 2)) == 3}


def text_event(reading: TextReading) -> DeviceEvent:
    """A string sample as the event that it is kept as."""
    return DeviceEvent("reading", reading.time_s, {"name": reading.name, "text": reading.text})


def _refuse_undated(retained: Message, device_id: str) -> None:
    """Raises WireError for a pack whose times count from its arrival: nobody knows when it was sent."""
    times = [
        decode_pack(retained.payload, device_id=device_id, received_s=received_s).times_s
        for received_s in (retained.received_s, retained.received_s + 1)
    ]
    if times[0] != times[1]:
        raise WireError("t", "a retained copy without a time of its own is of unknown age")


def _without_future(pack: Pack, latest_s: float) -> Pack:
    keep = [i for i, time_s in enumerate(pack.times_s) if time_s <= latest_s]
    return Pack(
        boot=pack.boot,
        seq=pack.seq,
        names=[pack.names[i] for i in keep],
        times_s=[pack.times_s[i] for i in keep],
        values=[pack.values[i] for i in keep],
        units=[pack.units[i] for i in keep],
        texts=[text for text in pack.texts if text.time_s <= latest_s],
    )

"""Formats without a product: JSON with paths, one bare value a topic, SenML under another topic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from device_agent.wire import DeviceState, WireError, decode_pack
from server.ingest.foreign import documents, words
from server.ingest.foreign.rules import Rule, filled
from server.ingest.foreign.said import Readings, Said, online
from server.ingest.source import Message


@dataclass(frozen=True, slots=True)
class Foreign:
    """A message that a rule matched, and what its topic's levels were."""

    message: Message
    rule: Rule
    captures: dict[str, str]

    @property
    def device_id(self) -> str:
        """Raises WireError where the levels make no id."""
        return words.device_id(filled(self.rule.device, self.captures))

    def says(self, readings: Readings, *, dated: bool = False) -> list[Said]:
        pack = readings.pack()
        if pack is None:
            return []
        return [Said(self.device_id, (self.message.topic,), pack, dated)]

    def is_in(self, state: DeviceState) -> list[Said]:
        return [Said(self.device_id, (self.message.topic,), state=state)]

    def add(self, readings: Readings, name: str, value: documents.Leaf, unit: str = "") -> None:
        """Unless the rule leaves it out; the rule's unit goes before the product's."""
        if not self.rule.leaves_out(name):
            given = self.rule.units.get(name)
            of_number = "" if isinstance(value, bool) else unit
            readings.add(name, value, words.unit(given if given is not None else of_number))


def json(heard: Foreign) -> list[Said]:
    """The values that the rule names, or every number, switch and word in the document."""
    rule, document = heard.rule, documents.parse(heard.message.payload)
    readings, dated = Readings(heard.message.received_s), False
    if rule.time is not None and (moment := documents.at(document, rule.time)) is not None:
        readings.time_s, dated = documents.moment(moment, rule.zone), True
    if rule.values:
        _named(heard, document, readings)
    else:
        for path, value in documents.leaves(document):
            if path != rule.time:
                heard.add(readings, words.metric(*(path or ("value",))), value)
    return heard.says(readings, dated=dated)


def _named(heard: Foreign, document: Any, readings: Readings) -> None:
    for name, path in heard.rule.values.items():
        found = documents.leaf(documents.at(document, path))
        if found is not None:
            heard.add(readings, name, found)
    if readings.pack() is None:
        wanted = ", ".join(heard.rule.values)
        raise WireError("values", f"holds none of {wanted[:200]}")


def value(heard: Foreign) -> list[Said]:
    """One number, switch or word; the metric's name comes from the topic."""
    readings = Readings(heard.message.received_s)
    word = documents.text(heard.message.payload)
    if not word:
        raise WireError("payload", "is empty")
    name = words.metric(filled(heard.rule.metric, heard.captures))
    heard.add(readings, name, documents.bare(word))
    return heard.says(readings)


def senml(heard: Foreign) -> list[Said]:
    message, device_id = heard.message, heard.device_id
    packs = [
        decode_pack(message.payload, device_id=device_id, received_s=received_s)
        for received_s in (message.received_s, message.received_s + 1)
    ]
    dated = packs[0].times_s == packs[1].times_s
    return [Said(device_id, (message.topic,), packs[0], dated)]


def state(heard: Foreign) -> list[Said]:
    """A word for online or offline, bare or as `{"state": …}`."""
    word = documents.text(heard.message.payload)
    if word.startswith("{"):
        word = str(documents.parse_object(heard.message.payload).get("state", ""))
    found = online(word, heard.message.received_s)
    if found is None:
        raise WireError("state", "is neither online nor offline")
    return heard.is_in(found)

"""A foreign message → what it says of which devices; with what must be remembered for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from device_agent.wire import WireError
from server.device.topics import any_matches
from server.ingest.foreign import plain, tasmota, words, zigbee2mqtt
from server.ingest.foreign.discovery import Discovery, Entity
from server.ingest.foreign.plain import Foreign
from server.ingest.foreign.rules import filled
from server.ingest.foreign.said import Said
from server.ingest.foreign.sparkplug import Node, Nodes
from server.ingest.foreign.topic_map import TopicMap
from server.ingest.source import Message

STATELESS: Final[dict[str, Callable[[Foreign], list[Said]]]] = {
    "json": plain.json,
    "value": plain.value,
    "state": plain.state,
    "senml": plain.senml,
    "tasmota": tasmota.decode,
    "zigbee2mqtt": zigbee2mqtt.decode,
    "ignore": lambda _heard: [],
}


BY_TOPIC: Final = frozenset({"json", "value", "state", "senml", "tasmota"})
"""Formats in which the topic alone says whose a message is, and nothing is remembered of others'."""


class _Memory(msgspec.Struct):
    nodes: dict[str, Node] = {}
    announced: dict[str, dict[str, Entity]] = {}


class Translation:
    """Stateful, and deterministic: the same messages from the same memory say the same."""

    def __init__(self, topics: TopicMap, memory: bytes = b"") -> None:
        """Raises msgspec.ValidationError for a memory that `to_bytes` did not make."""
        self._topics = topics
        known = msgspec.msgpack.decode(memory, type=_Memory) if memory else _Memory()
        self._nodes = Nodes(known.nodes)
        self._discovery = Discovery(known.announced)
        self._by_discovery = next((r for r in topics.rules if r.format == "homeassistant"), None)

    def owner(self, topic: str) -> str | None:
        """The device that all of a message under `topic` is of, if that is known without reading it."""
        found = self._topics.find(topic)
        if found is None or found[0].format not in BY_TOPIC:
            return None
        try:
            return words.device_id(filled(found[0].device, found[1]))
        except WireError:
            return None

    def of(self, message: Message) -> list[Said]:
        """Raises WireError, and nothing else."""
        found = self._topics.find(message.topic)
        if found is not None:
            rule, captures = found
            return self._decode(Foreign(message, rule, captures))
        if self._by_discovery is not None and self._discovery.explains(message.topic):
            return self._discovery.value(Foreign(message, self._by_discovery, {}))
        if self._by_discovery is not None and any_matches(self._by_discovery.states, message.topic):
            return []  # beside what was announced: logs, switches' other topics
        raise WireError("topic", _NOBODYS if self._topics.rules else _NO_MAP)

    def _decode(self, heard: Foreign) -> list[Said]:
        match heard.rule.format:
            case "sparkplug":
                return self._nodes.hear(heard)
            case "homeassistant":
                return self._discovery.hear(heard)
            case stateless:
                return STATELESS[stateless](heard)

    def to_bytes(self) -> bytes:
        """Empty while there is nothing to remember."""
        memory = _Memory(self._nodes.nodes, self._discovery.announced())
        return msgspec.msgpack.encode(memory) if memory.nodes or memory.announced else b""


_NO_MAP: Final = "is not devices/{device_id}/{leaf}, and there is no topics.toml that explains it"
_NOBODYS: Final = "is explained by no row of topics.toml"

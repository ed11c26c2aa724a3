"""Home Assistant's MQTT discovery: retained messages that say where values lie and what they mean.

ESPHome, Tasmota, Zigbee2MQTT and many others announce themselves so. What was announced is remembered
(with the pipeline's checkpoint) and explains the messages of the topics that were named. Full and
abbreviated keys, `~` for a base topic, and templates that pick one value are understood.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from device_agent.wire import DeviceState, WireError
from device_agent.wire.text import clean
from server.ingest.foreign import documents, words
from server.ingest.foreign.plain import Foreign
from server.ingest.foreign.rules import filled
from server.ingest.foreign.said import Readings, Said, online

MAX_ENTITIES: Final = 20_000
_SHORT: Final = {
    "stat_t": "state_topic", "val_tpl": "value_template", "unit_of_meas": "unit_of_measurement",
    "dev": "device", "ids": "identifiers", "avty_t": "availability_topic", "avty": "availability",
    "pl_on": "payload_on", "pl_off": "payload_off", "pl_avail": "payload_available",
    "pl_not_avail": "payload_not_available", "obj_id": "object_id", "uniq_id": "unique_id",
    "t": "topic", "p": "platform", "cmps": "components", "dev_cla": "device_class", "avty_tpl": "availability_template",
}  # fmt: skip
_COMPONENTS: Final = {"sensor", "binary_sensor"}
_TEMPLATE: Final = re.compile(
    r"""\{\{\s*(?P<root>value_json|value)
        (?P<path>(?:\.\w+|\[\s*'[^']*'\s*\]|\[\s*"[^"]*"\s*\]|\[\s*\d{1,4}\s*\])*)
        (?:\s*\|\s*(?:float|int|round|default|is_defined)(?:\(\s*[-\w.'"]*\s*\))?)*\s*\}\}""",
    re.VERBOSE,
)
_STEP: Final = re.compile(r"""\.(\w+)|\[\s*'([^']*)'\s*\]|\[\s*"([^"]*)"\s*\]|\[\s*(\d+)\s*\]""")


class Entity(msgspec.Struct, frozen=True, array_like=True):
    """One value that was announced; `path` None: the payload itself."""

    device_id: str
    metric: str
    unit: str = ""
    path: tuple[str | int, ...] | None = None
    on: str = "ON"
    off: str = "OFF"
    is_switch: bool = False
    is_state: bool = False
    """It says whether the device is there."""


@dataclass(frozen=True, slots=True)
class _Announced:
    topic: str
    entity: Entity


class Discovery:
    """What was announced, by the topic that announced it, and by the topic where values come."""

    def __init__(self, announced: dict[str, dict[str, Entity]] | None = None) -> None:
        """`announced`: config topic → (topic and number) → entity."""
        self._announced = announced or {}
        self._explained: dict[str, list[_Announced]] = {}
        self._index()

    def announced(self) -> dict[str, dict[str, Entity]]:
        return self._announced

    def explains(self, topic: str) -> bool:
        return topic in self._explained

    def hear(self, heard: Foreign) -> list[Said]:
        """A message below the discovery prefix: an announcement, or nothing for us."""
        topic, payload = heard.message.topic, heard.message.payload
        levels = heard.captures.get("rest", "").split("/")
        if levels[-1] != "config" or len(levels) < 3:
            return []
        if not payload:
            self._forget(topic)
            return []
        found = self._entities(heard, levels, _long(documents.parse_object(payload)))
        if len(self._announced) >= MAX_ENTITIES and topic not in self._announced:
            raise WireError("payload", f"more than {MAX_ENTITIES} announcements")
        self._forget(topic)
        if found:
            self._announced[topic] = found
            self._add(topic, found)
        return []

    def value(self, heard: Foreign) -> list[Said]:
        """A message of a topic that was announced; a word for each device of it."""
        message = heard.message
        said: list[Said] = []
        for announced in self._explained[message.topic]:
            entity = announced.entity
            one = Said(entity.device_id, (message.topic, announced.topic))
            try:
                _read(heard, entity, one)
            except WireError as error:
                one.faults.append((error.field, f"{error.reason} ({entity.metric})"))
            # A device's presence is announced with each of its values; it is told once.
            if one.state and any(o.state and o.device_id == one.device_id for o in said):
                continue
            if one.pack or one.state or one.faults:
                said.append(one)
        return said

    def _entities(
        self, heard: Foreign, levels: list[str], config: dict[str, Any]
    ) -> dict[str, Entity]:
        component, *nodes = levels[:-1]
        parts: dict[str, Any] = config.get("components") if component == "device" else {}  # type: ignore[assignment]
        if component == "device":
            if not isinstance(parts, dict):
                raise WireError("components", "is not an object")
            shared = {k: v for k, v in config.items() if k != "components"}
            entities: dict[str, Entity] = {}
            for name, part in parts.items():
                if isinstance(part, dict) and part.get("platform") in _COMPONENTS:
                    entities |= self._one(heard, nodes, str(name), {**shared, **part})
            return entities
        if component not in _COMPONENTS:
            return {}
        name = nodes.pop()
        return self._one(heard, nodes, name, {"platform": component, **config})

    def _one(
        self, heard: Foreign, nodes: list[str], name: str, config: dict[str, Any]
    ) -> dict[str, Entity]:
        """The value's entity and that of its device's availability, by topic."""
        where = _topic(config, config.get("state_topic"))
        if where is None:
            raise WireError("state_topic", "is missing")
        captures = {**heard.captures, "device": _device_name(nodes, name, config)}
        device_id = words.device_id(filled(heard.rule.device, captures))
        object_id = config.get("object_id") if not nodes else name
        metric = words.metric(object_id if isinstance(object_id, str) and object_id else name)
        entity = Entity(
            device_id,
            metric,
            _unit(config),
            _path(config.get("value_template")),
            str(config.get("payload_on", "ON")),
            str(config.get("payload_off", "OFF")),
            config.get("platform") == "binary_sensor",
        )
        found = {f"{where}\0{metric}": entity}
        present = _topic(config, _availability_topic(config))
        if present is not None:
            path = _path(config.get("availability_template"))
            there, gone = config.get("payload_available"), config.get("payload_not_available")
            found[f"{present}\0"] = Entity(
                device_id,
                "",
                path=path,
                on=str(there or "online"),
                off=str(gone or "offline"),
                is_state=True,
            )
        return found

    def _forget(self, topic: str) -> None:
        for key in self._announced.pop(topic, ()):
            where = key.partition("\0")[0]
            left = [a for a in self._explained.get(where, ()) if a.topic != topic]
            if left:
                self._explained[where] = left
            else:
                self._explained.pop(where, None)

    def _index(self) -> None:
        for topic, entities in self._announced.items():
            self._add(topic, entities)

    def _add(self, topic: str, entities: dict[str, Entity]) -> None:
        for key, entity in entities.items():
            where = key.partition("\0")[0]
            self._explained.setdefault(where, []).append(_Announced(topic, entity))


def _read(heard: Foreign, entity: Entity, one: Said) -> None:
    word: documents.Leaf | None
    if entity.path is None:
        word = documents.text(heard.message.payload)
    else:
        found = documents.at(documents.parse(heard.message.payload), entity.path)
        word = documents.leaf(found) if found is not None else None
    if word is None or word == "" or (isinstance(word, str) and word.lower() in _UNKNOWN):
        return
    if entity.is_state:
        one.state = _presence(str(word), entity, heard.message.received_s)
        return
    value = documents.bare(word) if isinstance(word, str) and not entity.is_switch else word
    if entity.is_switch and not isinstance(word, bool):
        if str(word) not in {entity.on, entity.off}:
            raise WireError(
                "payload", f"is neither {clean(entity.on, 20)} nor {clean(entity.off, 20)}"
            )
        value = str(word) == entity.on
    readings = Readings(heard.message.received_s)
    heard.add(readings, entity.metric, value, entity.unit)
    one.pack = readings.pack()


def _presence(word: str, entity: Entity, time_s: float) -> DeviceState | None:
    if word.startswith("{"):
        word = str(documents.parse_object(word.encode()).get("state", ""))
    if word in {entity.on, entity.off}:
        word = "online" if word == entity.on else "offline"
    return online(word, time_s)


_UNKNOWN: Final = {"unknown", "unavailable", "none", "nan"}


def _long(config: dict[str, Any]) -> dict[str, Any]:
    """With the keys in full, two levels deep."""
    found: dict[str, Any] = {}
    for key, value in config.items():
        full = _SHORT.get(key, key)
        if isinstance(value, list):
            found[full] = [_long(item) if isinstance(item, dict) else item for item in value]
        else:
            found[full] = _long(value) if isinstance(value, dict) else value
    return found


def _topic(config: dict[str, Any], topic: object) -> str | None:
    if not isinstance(topic, str) or not topic:
        return None
    base = config.get("~")
    if isinstance(base, str):
        if topic.startswith("~"):
            topic = base + topic[1:]
        elif topic.endswith("~"):
            topic = topic[:-1] + base
    return topic[:300]


def _unit(config: dict[str, Any]) -> str:
    unit = str(config.get("unit_of_measurement") or "")
    percent = {"humidity": "%RH", "battery": "%EL"}
    return percent.get(str(config.get("device_class")), unit) if unit == "%" else words.unit(unit)


def _availability_topic(config: dict[str, Any]) -> object:
    several = config.get("availability")
    if isinstance(several, list) and several and isinstance(several[-1], dict):
        return several[-1].get("topic")  # the device's own; those before are its bridge's
    return config.get("availability_topic")


def _device_name(nodes: list[str], name: str, config: dict[str, Any]) -> str:
    """The node's level of the topic, else the device's own first identifier, else the object's name."""
    if nodes:
        return nodes[0]
    device = config.get("device")
    identifiers = device.get("identifiers") if isinstance(device, dict) else None
    if isinstance(identifiers, list) and identifiers:
        identifiers = identifiers[0]
    return str(identifiers) if isinstance(identifiers, str | int) else name


def _path(template: object) -> tuple[str | int, ...] | None:
    """Where a template looks; raises WireError for one that does more than pick a value."""
    if template in (None, ""):
        return None
    found = _TEMPLATE.fullmatch(template.strip()) if isinstance(template, str) else None
    if found is None or (found["root"] == "value" and found["path"]):
        shown = clean(str(template), 80)
        raise WireError("value_template", f"does more than pick a value: {shown!r}")
    if found["root"] == "value":
        return None
    return tuple(
        int(number) if number else dotted or single or double
        for dotted, single, double, number in _STEP.findall(found["path"])
    )

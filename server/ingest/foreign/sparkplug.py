"""Sparkplug B (3.0): edge nodes and their devices, from birth to death.

Data names its metrics by aliases that the last birth gave them, so births are remembered, with the
pipeline's checkpoint. Data that no birth explains is refused, and the node is asked for a new birth.
Historical values are samples with their own, older time and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from device_agent.wire import DeviceState, SensorInfo, WireError
from device_agent.wire.state import MAX_SENSORS
from device_agent.wire.text import clean
from server.ingest.foreign import words
from server.ingest.foreign.plain import Foreign
from server.ingest.foreign.rules import filled
from server.ingest.foreign.said import Readings, Said
from server.ingest.foreign.sparkplug_payload import Metric, Payload, decode, encode, value_of

MAX_NODES: Final = 10_000
MAX_METRICS: Final = 50_000
"""Of one node, its devices' included."""
_ASKED_AGAIN_S: Final = 30.0
_SEQS: Final = 256
_NOT_SAMPLES: Final = ("bdSeq", "Node Control/", "Device Control/")
_REBIRTH: Final = "Node Control/Rebirth"
_BOOLEAN: Final = 11
_TOPIC: Final = {"NBIRTH": 4, "NDEATH": 4, "NDATA": 4, "DBIRTH": 5, "DDEATH": 5, "DDATA": 5}
"""Message type → levels of its topic. NCMD, DCMD and STATE are for others."""


class Known(msgspec.Struct, array_like=True):
    """What a birth said of a metric."""

    name: str
    datatype: int
    unit: str


class Node(msgspec.Struct, array_like=True):
    """An edge node since its last birth."""

    born: bool = False
    bd_seq: float | None = None
    seq: int | None = None
    aliases: dict[int, Known] = {}
    names: dict[str, dict[str, Known]] = {}
    """Device ("" for the node itself) → name → metric."""
    asked_s: float = 0.0


class Nodes:
    """Every edge node heard of."""

    def __init__(self, nodes: dict[str, Node] | None = None) -> None:
        self.nodes = nodes or {}

    def hear(self, heard: Foreign) -> list[Said]:
        """Raises WireError."""
        levels = heard.message.topic.split("/")
        kind = levels[2] if len(levels) > 3 else ""
        if kind not in _TOPIC:
            return []
        if len(levels) != _TOPIC[kind] or not all(levels):
            raise WireError("topic", "is not spBv1.0/{group}/{type}/{node}, or …/{device}")
        payload = decode(heard.message.payload)
        key, device = f"{levels[1]}/{levels[3]}", levels[4] if len(levels) > 4 else ""
        if key not in self.nodes and len(self.nodes) >= MAX_NODES:
            raise WireError("topic", f"more than {MAX_NODES} edge nodes")
        node = self.nodes.setdefault(key, Node())
        match kind:
            case "NBIRTH":
                node = self.nodes[key] = Node(born=True, bd_seq=_bd_seq(payload), seq=payload.seq)
                return [self._birth(heard, node, "", payload)]
            case "NDEATH":
                return list(self._death(heard, node, payload))
            case _ if not node.born:
                return [self._ask(heard, node, device, "comes before a birth")]
        lost = _counts_wrong(node, payload)
        match kind:
            case "DBIRTH":
                said = self._birth(heard, node, device, payload)
            case "DDEATH":
                said = self._said(heard, device, state=_offline(heard))
            case _:
                said = self._data(heard, node, device, payload)
        if lost and said.question is None:
            self._ask(heard, node, device, "", said)
        return [said]

    def _birth(self, heard: Foreign, node: Node, device: str, payload: Payload) -> Said:
        if len(payload.metrics) + len(node.aliases) > MAX_METRICS:
            raise WireError("metrics", f"more than {MAX_METRICS}")
        known = node.names[device] = {}
        for metric in payload.metrics:
            if metric.name:
                known[metric.name] = Known(metric.name, metric.datatype, metric.unit)
                if metric.alias is not None:
                    node.aliases[metric.alias] = known[metric.name]
        said = self._data(heard, node, device, payload)
        sensors = {}
        for each in list(known.values())[:MAX_SENSORS]:
            if not each.name.startswith(_NOT_SAMPLES):
                name = words.metric(each.name)
                sensors[name] = SensorInfo(name, words.unit(each.unit))
        time_s = heard.message.received_s
        said.state = DeviceState("online", "birth", time_s, sensors=tuple(sensors.values()))
        return said

    def _data(self, heard: Foreign, node: Node, device: str, payload: Payload) -> Said:
        said = self._said(heard, device)
        readings, said.dated = Readings(heard.message.received_s), True
        for metric in payload.metrics:
            known = _known(node, device, metric)
            if known is None:
                self._ask(heard, node, device, f"alias {metric.alias} is of no birth", said)
            elif not known.name.startswith(_NOT_SAMPLES) and not metric.is_transient:
                try:
                    self._reading(heard, readings, metric, known, payload, said)
                except WireError as error:
                    said.faults.append((error.field, f"{clean(known.name, 80)}: {error.reason}"))
        said.pack = readings.pack()
        return said

    @staticmethod
    def _reading(
        heard: Foreign,
        readings: Readings,
        metric: Metric,
        known: Known,
        payload: Payload,
        said: Said,
    ) -> None:
        value = value_of(metric.raw, metric.datatype or known.datatype)
        if value is None:
            return
        name = words.metric(known.name)
        if heard.rule.leaves_out(name):
            return
        time_ms = metric.time_ms if metric.time_ms is not None else payload.time_ms
        said.dated = said.dated and time_ms is not None
        unit = words.unit(heard.rule.units.get(name) or metric.unit or known.unit)
        readings.add(name, value, unit, None if time_ms is None else time_ms / 1000)

    def _death(self, heard: Foreign, node: Node, payload: Payload) -> Iterator[Said]:
        """The broker's word, with the number of the birth that it ends: an older one means nothing."""
        bd_seq = _bd_seq(payload)
        if node.born and bd_seq is not None and node.bd_seq not in {None, bd_seq}:
            return
        node.born = False
        for device in node.names or {"": {}}:
            yield self._said(heard, device, state=_offline(heard))

    def _ask(
        self, heard: Foreign, node: Node, device: str, why: str, said: Said | None = None
    ) -> Said:
        """For a new birth, now and then; what is missing until then is told."""
        said = said or self._said(heard, device)
        if why:
            said.faults.append(("alias", f"{why}: a new birth was asked for"))
        now_s = heard.message.received_s
        if not 0 <= now_s - node.asked_s < _ASKED_AGAIN_S:
            node.asked_s = now_s
            _, group, _, name, *_ = heard.message.topic.split("/")
            rebirth = Metric(_REBIRTH, datatype=_BOOLEAN, raw=True)
            asked = encode(Payload(round(now_s * 1000), None, [rebirth]))
            said.question = (f"spBv1.0/{group}/NCMD/{name}", asked)
        return said

    @staticmethod
    def _said(heard: Foreign, device: str, *, state: DeviceState | None = None) -> Said:
        topic = heard.message.topic
        _, group, _, node, *_ = topic.split("/")
        captures = {"group": group, "node": node, "device": device}
        name = filled(heard.rule.device, captures)
        return Said(words.device_id(name), (topic,), state=state)


def _known(node: Node, device: str, metric: Metric) -> Known | None:
    if metric.name:
        known = node.names.get(device, {}).get(metric.name)
        return known or Known(metric.name, metric.datatype, metric.unit)
    return node.aliases.get(metric.alias) if metric.alias is not None else None


def _bd_seq(payload: Payload) -> float | None:
    found = next((m.raw for m in payload.metrics if m.name == "bdSeq"), None)
    return found if isinstance(found, int | float) else None


def _counts_wrong(node: Node, payload: Payload) -> bool:
    """Whether messages before this one are missing; the count goes on from here."""
    before, node.seq = node.seq, payload.seq
    if before is None or payload.seq is None:
        return False
    return payload.seq not in {before, (before + 1) % _SEQS}


def _offline(heard: Foreign) -> DeviceState:
    return DeviceState("offline", "will", heard.message.received_s)

"""Each product's recorded messages, by a topic map as its user would write it."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from server.broker.partitions import partition_of
from server.ingest.arrivals import Arrivals, Understanding
from server.ingest.duplicates import SeenPacks
from server.ingest.foreign.topic_map import load_topic_map
from server.ingest.foreign.translation import Translation
from server.ingest.source import Message

RECORDED = Path(__file__).parent / "recorded"
NOW_S = 1_795_900_000.0


def everything(_device_id: str) -> bool:
    return True


def understood(folder: Path, holds: Callable[[str], bool] = everything) -> Arrivals:
    topics = load_topic_map(folder / "topics.toml")
    understanding = Understanding(
        SeenPacks(), future_tolerance_s=600, translation=Translation(topics), holds=holds
    )
    lines = [json.loads(line) for line in (folder / "messages.jsonl").read_text().splitlines()]
    messages = [
        Message(n, line["topic"], line["payload"].encode(), NOW_S, line.get("retained", False))
        for n, line in enumerate(lines, 1)
    ]
    heard = understanding.translate(messages)
    every_topic = tuple(f"{root}/#" for root in topics.roots())
    return understanding.of(messages, (), heard, dict.fromkeys(heard.devices(), every_topic))


def told(arrivals: Arrivals) -> dict[str, object]:
    """What arrived, as JSON; a time of arrival is written "now"."""

    def at(time_s: float) -> float | str:
        return "now" if time_s == NOW_S else time_s

    samples = [
        [message.position, device, name, value, unit, at(time_s)]
        for message, device, pack in arrivals.packs
        for name, value, unit, time_s in zip(
            pack.names, pack.values, pack.units, pack.times_s, strict=True
        )
    ]
    texts = [[device, t.name, t.text, at(t.time_s)] for device, t in arrivals.texts]
    states = [[m.position, d, s.status, s.reason] for m, d, s in arrivals.states]
    refusals = [[r.message.position, r.device_id, r.field, r.reason] for r in arrivals.refusals]
    return {
        "samples": samples,
        "texts": texts,
        "states": states,
        "refused": refusals,
        "old copies": arrivals.duplicates,
    }


@pytest.mark.parametrize("product", sorted(p.name for p in RECORDED.iterdir() if p.is_dir()))
def test_recorded_messages_come_to_what_they_mean(product):
    folder = RECORDED / product
    assert told(understood(folder)) == json.loads((folder / "expected.json").read_text())


@pytest.mark.parametrize("count", [2, 16])
@pytest.mark.parametrize("product", sorted(p.name for p in RECORDED.iterdir() if p.is_dir()))
def test_partitions_together_take_in_what_one_pipeline_would(product, count):
    """Each thing once, and a device's by the partition that holds it."""
    folder = RECORDED / product
    parts: Counter[str] = Counter()
    for number in range(count):
        arrivals = understood(folder, lambda d, n=number: partition_of(d, count) == n)
        assert all(partition_of(device, count) == number for _, device, _ in arrivals.packs)
        parts += in_pieces(told(arrivals))
    assert parts == in_pieces(told(understood(folder)))


def in_pieces(found: dict[str, object]) -> Counter[str]:
    old = found.pop("old copies")
    assert isinstance(old, int)
    return Counter(json.dumps([k, row]) for k, rows in found.items() for row in rows) + Counter(
        {"old copies": old}
    )

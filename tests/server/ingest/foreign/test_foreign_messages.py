"""Whatever comes under a foreign topic: understood or refused, and only by those who may."""

import json
from dataclasses import replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_agent.wire import WireError
from server.ingest.arrivals import Understanding
from server.ingest.duplicates import SeenPacks
from server.ingest.foreign.rules import Rule
from server.ingest.foreign.said import Said
from server.ingest.foreign.topic_map import TopicMap
from server.ingest.foreign.translation import Translation
from server.ingest.remembered import from_bytes
from server.ingest.source import Message

NOW_S = 1_700_000_000.0
EVERY_FORMAT = TopicMap(
    [
        Rule("ignore", "x/ignored", device=""),
        Rule("json", "json/{device}", time=("t",)),
        Rule("json", "named/{device}", values={"a": ("a",), "b": ("b", 0)}),
        Rule("value", "value/{device}/{metric}"),
        Rule("state", "state/{device}"),
        Rule("senml", "senml/{device}"),
        Rule("tasmota", "tele/{device}/{leaf}"),
        Rule("zigbee2mqtt", "zigbee2mqtt/#"),
        Rule("homeassistant", "homeassistant/#", states=("ha/#",)),
        Rule("sparkplug", "spBv1.0/#", "{group}-{node}-{device}"),
    ]
)
LEVEL = st.sampled_from(
    ["a", "b c", "é", "", "config", "SENSOR", "LWT", "DDATA", "NBIRTH", "sensor"]
)
TOPIC = st.builds(
    "{}/{}".format,
    st.sampled_from(["json", "named", "value", "state", "senml", "tele", "zigbee2mqtt", "ha", "no"])
    | st.sampled_from(["homeassistant", "spBv1.0"]),
    st.lists(LEVEL, min_size=1, max_size=4).map("/".join),
)
KEYS = [
    "a",
    "b",
    "t",
    "Time",
    "state_topic",
    "stat_t",
    "dev",
    "avty",
    "val_tpl",
    "cmps",
    "p",
    "last_seen",
    "TempUnit",
    "unit_of_meas",
    "~",
    "availability",
]
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5)
    ),
    max_leaves=12,
)
PAYLOAD = st.binary(max_size=40) | JSON.map(lambda document: json.dumps(document).encode())


@given(messages=st.lists(st.tuples(TOPIC, PAYLOAD), max_size=6))
def test_any_message_says_something_or_is_refused(messages):
    translation = Translation(EVERY_FORMAT)
    for position, (topic, payload) in enumerate(messages, 1):
        try:
            said = translation.of(Message(position, topic, payload, NOW_S))
        except WireError as error:
            assert error.reason  # noqa: PT017 - half of the law
        else:
            assert all(isinstance(one, Said) for one in said)
    memory = translation.to_bytes()
    assert Translation(EVERY_FORMAT, memory).to_bytes() == memory


@given(messages=st.lists(st.tuples(TOPIC, PAYLOAD), max_size=6), cut=st.integers(0, 6))
def test_a_restart_anywhere_changes_nothing(messages, cut):
    def understood(restarts):
        understanding = Understanding(
            SeenPacks(), future_tolerance_s=600, translation=Translation(EVERY_FORMAT)
        )
        told = []
        for position, (topic, payload) in enumerate(messages):
            if restarts and position == cut:
                seen, translation = from_bytes(understanding.memory(), EVERY_FORMAT)
                understanding = Understanding(seen, future_tolerance_s=600, translation=translation)
            batch = [Message(position + 1, topic, payload, NOW_S)]
            heard = understanding.translate(batch)
            rights = dict.fromkeys(
                heard.devices(), ("json/#", "value/#", "ha/#", "homeassistant/#")
            )
            arrivals = understanding.of(batch, (), heard, rights)
            told.append((arrivals.packs, arrivals.states, arrivals.refusals, arrivals.questions))
        return repr(told)

    assert understood(restarts=True) == understood(restarts=False)


def arrivals_of(topic, payload, rights, translation=None, **more):
    understanding = Understanding(
        SeenPacks(),
        future_tolerance_s=600,
        translation=translation or Translation(EVERY_FORMAT),
    )
    batch = [Message(1, topic, payload, NOW_S, **more)]
    return understanding.of(batch, (), understanding.translate(batch), rights)


@pytest.mark.parametrize(
    ("rights", "field", "why"),
    [
        ({}, "device_id", "boiler is not on record"),
        ({"boiler": ()}, "topic", "was not given to boiler"),
        ({"boiler": ("zigbee2mqtt/lamp",)}, "topic", "nor to its gateway"),
    ],
)
def test_nobody_speaks_for_a_device_that_was_not_given_the_topic(rights, field, why):
    arrivals = arrivals_of("zigbee2mqtt/boiler", b'{"temperature": 99}', rights)
    assert arrivals.packs == []
    assert arrivals.seen_s == {}
    [refusal] = arrivals.refusals
    assert (refusal.field, refusal.device_id) == (field, "boiler")
    assert why in refusal.reason


def test_an_announcement_from_elsewhere_can_not_speak_for_a_device():
    """Whoever may write to homeassistant/gw2/… announces a value of the boiler's at the boiler's topic."""
    translation = Translation(EVERY_FORMAT)
    poison = {"stat_t": "ha/boiler/t", "dev": {"ids": "boiler"}}
    topic = "homeassistant/sensor/gw2_thing/config"
    translation.of(Message(1, topic, json.dumps(poison).encode(), NOW_S))
    rights = {"boiler": ("ha/boiler/#", "homeassistant/sensor/boiler/#")}
    arrivals = arrivals_of("ha/boiler/t", b"1", rights, translation)
    assert arrivals.packs == []
    assert topic in arrivals.refusals[0].reason
    honest = Translation(EVERY_FORMAT)
    own = "homeassistant/sensor/boiler/t/config"
    honest.of(Message(1, own, json.dumps(poison).encode(), NOW_S))
    assert len(arrivals_of("ha/boiler/t", b"1", rights, honest).packs) == 1


def test_a_sample_from_the_future_is_split_off_as_from_any_device():
    payload = json.dumps({"t": NOW_S + 3600, "v": 1}).encode()
    arrivals = arrivals_of("json/pump", payload, {"pump": ("json/pump",)})
    assert "in the future" in arrivals.refusals[0].reason


def test_a_memory_of_another_version_is_announced_again(caplog):
    translation = Translation(EVERY_FORMAT)
    announced = b'{"stat_t": "ha/x/t", "dev": {"ids": "x"}}'
    translation.of(Message(1, "homeassistant/sensor/x/t/config", announced, NOW_S))
    memory = replace_version(
        Understanding(SeenPacks(), future_tolerance_s=1, translation=translation)
    )
    seen, fresh = from_bytes(memory, EVERY_FORMAT)
    assert fresh.to_bytes() == b""
    assert seen.is_new("d", "b", 1)
    assert "can't be read" in caplog.text


def replace_version(understanding):
    packs, _ = msgspec.msgpack.decode(understanding.memory()[1:], type=tuple[bytes, bytes])
    other = msgspec.msgpack.encode({"nodes": 3})
    return b"\xc1" + msgspec.msgpack.encode((packs, other))


def test_json_is_not_read_without_end():
    deep = b"[" * 500 + b"]" * 500
    [refusal] = arrivals_of("json/pump", deep, {}).refusals
    assert refusal.field == "payload"
    rule = replace(EVERY_FORMAT.rules[1], time=None)
    many = json.dumps({f"k{n}": n for n in range(20_001)}).encode()
    only = TopicMap([rule])
    [refusal] = arrivals_of("json/pump", many, {}, Translation(only)).refusals
    assert "20000" in refusal.reason

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_agent.wire import (
    LEAVES,
    CommandResult,
    DeviceEvent,
    DeviceState,
    Pack,
    encode_event,
    encode_pack,
    encode_result,
    encode_state,
)
from server.ingest.arrivals import Understanding, devices_named, text_event
from server.ingest.duplicates import SeenPacks
from server.ingest.source import Message

NOW_S = 1_700_000_000.0
TOLERANCE_S = 600.0
KNOWN = frozenset({"pump", "fan"})


def message(payload: bytes, leaf: str = "telemetry", *, device="pump", position=1) -> Message:
    return Message(position, f"devices/{device}/{leaf}", payload, NOW_S)


def pack(*times_s: float, boot: str | None = "b1", seq: int | None = 0, device="pump") -> bytes:
    n = len(times_s)
    values = [float(i) for i in range(n)]
    filled = Pack(boot, seq, ["a"] * n, list(times_s), values, ["V"] * n)
    return encode_pack(filled, device_id=device, form="cbor")


def understood(*messages: Message, seen: SeenPacks | None = None):
    return Understanding(seen or SeenPacks(), future_tolerance_s=TOLERANCE_S).of(messages, KNOWN)


def test_each_leaf_arrives_as_what_it_is():
    state = DeviceState("online", "birth", NOW_S, "b1")
    event, result = DeviceEvent("reboot", NOW_S), CommandResult("c1", "done")
    arrivals = understood(
        message(pack(NOW_S)),
        message(encode_state(state), "state"),
        message(encode_event(event), "events"),
        message(encode_result(result), "results"),
    )
    assert [p.times_s for _, _, p in arrivals.packs] == [[NOW_S]]
    assert [s for _, _, s in arrivals.states] == [state]
    assert [e for _, _, e in arrivals.events] == [event]
    assert [r for _, _, r in arrivals.results] == [result]
    assert arrivals.refusals == []
    assert arrivals.seen_s == {"pump": NOW_S}


@pytest.mark.parametrize(
    ("refused", "field"),
    [
        (message(pack(NOW_S), device="stranger"), "device_id"),
        (message(b"{}", "commands"), "topic"),
        (Message(1, "devices/pump", b"", NOW_S), "topic"),
        (Message(1, "other/pump/telemetry", b"", NOW_S), "topic"),
        (Message(1, "devices/pump/telemetry/x", b"", NOW_S), "topic"),
        (Message(1, "devices/\x00/telemetry", b"", NOW_S), "device_id"),
        (message(b"[{"), "payload"),
        (message(b""), "payload"),
        (message(b'[{"n":"a","v":NaN}]'), "payload"),
        (message(json.dumps([{"n": "a", "v": 1}] * 100_000).encode()), "payload"),
        (message(b"[" * 10_000_000), "payload"),
        (message(json.dumps([{"n": "A", "v": 1}]).encode()), "n"),
        (message(json.dumps([{"bn": "fan", "n": "a", "v": 1}]).encode()), "bn"),
        (message(b"[]", "state"), "payload"),
        (message(b'{"kind":"No!","time_s":1}', "events"), "kind"),
        (message(b'{"id":"c","status":"maybe"}', "results"), "status"),
    ],
)
def test_what_breaks_the_contract_is_refused_with_its_field(refused, field):
    good = message(pack(NOW_S, seq=7), position=2)
    arrivals = understood(refused, good)
    (refusal,) = arrivals.refusals
    assert refusal.message is refused
    assert refusal.field == field
    assert refusal.reason
    assert len(arrivals.packs) == 1, "the next message is not held up"


def test_only_the_samples_from_the_future_are_split_off():
    late, edge, ahead = NOW_S - 86_400, NOW_S + TOLERANCE_S, NOW_S + TOLERANCE_S + 1
    arrivals = understood(message(pack(late, edge, ahead)))
    ((_, _, kept),) = arrivals.packs
    assert kept.times_s == [late, edge]
    assert kept.values == [0.0, 1.0]
    (refusal,) = arrivals.refusals
    assert (refusal.field, refusal.device_id) == ("t", "pump")
    assert "1 of 3 samples" in refusal.reason


def test_a_text_from_the_future_is_split_off_too():
    payload = json.dumps(
        [{"n": "mode", "vs": "eco", "t": NOW_S}, {"n": "mode", "vs": "off", "t": NOW_S + 3600}]
    ).encode()
    arrivals = understood(message(payload))
    ((_, _, kept),) = arrivals.packs
    assert [text.text for text in kept.texts] == ["eco"]
    assert len(arrivals.refusals) == 1
    assert text_event(kept.texts[0]) == DeviceEvent(
        "reading", NOW_S, {"name": "mode", "text": "eco"}
    )


def test_a_pack_that_comes_again_counts_as_a_duplicate():
    seen = SeenPacks()
    assert len(understood(message(pack(NOW_S)), seen=seen).packs) == 1
    again = understood(message(pack(NOW_S), position=9), message(pack(NOW_S, seq=1)), seen=seen)
    assert (again.duplicates, len(again.packs)) == (1, 1)
    assert again.seen_s == {"pump": NOW_S}, "it was heard of all the same"


def test_packs_without_an_identity_are_never_called_duplicates():
    plain = pack(NOW_S, boot=None, seq=None)
    assert len(understood(message(plain), message(plain)).packs) == 2


def test_a_refused_pack_may_be_sent_again_repaired():
    seen = SeenPacks()
    understood(message(pack(NOW_S)[:-1]), seen=seen)
    assert len(understood(message(pack(NOW_S)), seen=seen).packs) == 1


def test_a_retained_copy_counts_only_where_it_says_when_it_was_measured():
    dated = Message(1, "devices/pump/telemetry", pack(NOW_S - 60), NOW_S, retained=True)
    undated = Message(2, "devices/pump/telemetry", b'[{"n":"a","v":1}]', NOW_S, retained=True)
    arrivals = understood(dated, undated)
    assert [p.times_s for _, _, p in arrivals.packs] == [[NOW_S - 60]]
    (refusal,) = arrivals.refusals
    assert (refusal.message, refusal.field) == (undated, "t")
    assert "unknown age" in refusal.reason


TOPICS = st.builds(
    "devices/{}/{}".format, st.sampled_from(["pump", "x", "é"]), st.sampled_from(LEAVES)
)


@given(
    topic=TOPICS | st.text(st.characters(codec=None)),
    payload=st.binary(max_size=60)
    | st.sampled_from([pack(NOW_S), pack(NOW_S + 1e6), b"{}", b"[]", b"\x80", b"null"]),
)
def test_any_message_is_understood_or_refused_exactly_once(topic, payload):
    given_ = Message(1, topic, payload, NOW_S)
    arrivals = understood(given_)
    taken = (arrivals.packs, arrivals.states, arrivals.events, arrivals.results)
    count = sum(map(len, taken)) + arrivals.duplicates
    partly = any(refusal.field == "t" for refusal in arrivals.refusals)
    assert count + len(arrivals.refusals) == (2 if partly and count else 1)
    assert devices_named([given_]) >= set(arrivals.seen_s)

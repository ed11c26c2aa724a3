"""State, events, commands, results and topics keep the same law as packs."""

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from device_agent import wire
from device_agent.wire import (
    LEAVES,
    Command,
    CommandResult,
    DeviceEvent,
    DeviceState,
    SensorInfo,
    WireError,
    device_topic,
    parse_topic,
    valid_device_id,
)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
tokens = st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True)
times = st.floats(0, 253_402_300_799)
finite = st.floats(allow_nan=False, allow_infinity=False)
scalars = st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | finite | texts
fields = st.dictionaries(st.from_regex(r"[a-z/_]{1,20}", fullmatch=True), scalars, max_size=5)
sensors = st.builds(
    SensorInfo,
    st.from_regex(r"[a-z0-9_./-]{1,20}", fullmatch=True),
    st.sampled_from(["", "Cel", "/"]),
    texts,
    st.none() | st.tuples(finite, finite).map(sorted).map(tuple),
)

KINDS = {
    "state": st.builds(
        DeviceState,
        st.sampled_from(["online", "offline"]),
        st.sampled_from(["birth", "will", "shutdown"]),
        times,
        texts,
        texts,
        texts,
        texts,
        st.lists(sensors, max_size=3).map(tuple),
    ),
    "event": st.builds(DeviceEvent, st.from_regex(r"[a-z_]{1,40}", fullmatch=True), times, fields),
    "command": st.builds(
        Command, tokens, st.from_regex(r"[a-z0-9_.]{1,64}", fullmatch=True), fields, times
    ),
    "result": st.builds(
        CommandResult, tokens, st.sampled_from(["done", "failed", "refused", "expired"]), fields
    ),
}


def codec(kind):
    return getattr(wire, f"encode_{kind}"), getattr(wire, f"decode_{kind}")


@pytest.mark.parametrize("kind", KINDS)
def test_encoding_and_decoding_is_identity(kind):
    encode, decode = codec(kind)

    @given(KINDS[kind])
    def law(message):
        assert decode(encode(message)) == message

    law()


@pytest.mark.parametrize("kind", KINDS)
def test_any_bytes_give_a_message_or_the_one_error(kind):
    encode, decode = codec(kind)

    @given(st.binary(max_size=80))
    @example(b'{"x":' + b"[" * 60_000)
    @example(b'{"id":"a","name":"b","expires":1,"args":{"a":' + b"9" * 5000 + b"}}")
    def raw(payload):
        expect_message_or_error(decode, payload)

    @given(KINDS[kind], st.data())
    def mutated(message, data):
        payload = bytearray(encode(message))
        at = data.draw(st.integers(0, len(payload) - 1))
        payload[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4))
        expect_message_or_error(decode, bytes(payload))

    raw()
    mutated()


def expect_message_or_error(decode, payload):
    try:
        decode(payload)
    except WireError as error:
        refusal = error
    else:
        return
    assert refusal.field
    assert str(refusal).isprintable()


@pytest.mark.parametrize(
    ("kind", "payload", "field"),
    [
        ("state", b"", "payload"),
        ("state", b'{"status":"asleep","reason":"birth","time_s":1}', "status"),
        ("state", b'{"status":"online","reason":"birth","time_s":-1}', "time_s"),
        ("state", b'{"status":"online","reason":"birth"}', "payload"),
        ("event", b'{"kind":"Bad Kind","time_s":1}', "kind"),
        ("event", b'{"kind":"log","time_s":1,"detail":{"deep":{}}}', "detail"),
        ("event", b'{"kind":"log","time_s":1,"detail":{"n":99999999999999999999}}', "detail"),
        ("event", b'{"kind":"log","time_s":NaN}', "payload"),
        ("command", b'{"id":"a b","name":"x","expires":1}', "id"),
        ("command", b'{"id":"a","name":"rm -rf","expires":1}', "name"),
        ("command", b'{"id":"a","name":"x"}', "payload"),
        ("command", b'{"id":"a","name":"x","expires":1e999}', "expires"),
        ("result", b'{"id":"a","status":"maybe"}', "status"),
    ],
)
def test_a_bad_message_is_refused_by_the_field_at_fault(kind, payload, field):
    with pytest.raises(WireError) as caught:
        codec(kind)[1](payload)
    assert caught.value.field == field


@pytest.mark.parametrize("kind", KINDS)
def test_a_message_of_a_hundred_kilobytes_is_refused(kind):
    with pytest.raises(WireError, match="larger than"):
        codec(kind)[1](b'{"x":"' + b"x" * 100_000 + b'"}')


def test_a_message_that_would_be_refused_can_not_be_encoded():
    for encode, message in [
        (wire.encode_event, DeviceEvent("log", 1.0, {"a": math.nan})),
        (wire.encode_event, DeviceEvent("log", 1.0, {"a": "\ud800"})),
        (wire.encode_command, Command("", "x", {}, 1.0)),
        (wire.encode_result, CommandResult("a", "done", {"": 1})),
        (
            wire.encode_state,
            DeviceState("online", "birth", 1.0, sensors=(SensorInfo("a", "", "", (2, 1)),)),
        ),
    ]:
        with pytest.raises(WireError):
            encode(message)


@given(tokens, st.sampled_from(LEAVES))
def test_topics_are_taken_apart_as_they_were_put_together(device_id, leaf):
    assert valid_device_id(device_id)
    assert parse_topic(device_topic(device_id, leaf)) == (device_id, leaf)


@given(
    st.text(max_size=30)
    | st.builds("devices/{}/{}".format, st.text(max_size=8), st.text(max_size=8))
)
@example("devices/a/telemetry/x")
@example("devices//telemetry")
@example("devices/a\n/telemetry")
@example("devices/+/telemetry")
def test_any_topic_is_parsed_or_refused(topic):
    try:
        device_id, leaf = parse_topic(topic)
    except WireError:
        return
    assert device_topic(device_id, leaf) == topic


def test_the_public_names_are_these():
    assert all(hasattr(wire, name) for name in wire.__all__)
    assert len(wire.__all__) == len(set(wire.__all__)) == 24

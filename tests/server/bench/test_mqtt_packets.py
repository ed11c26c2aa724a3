"""MQTT packets of the load generator: as the standard has them, however they are cut on the way."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.bench import BenchError, mqtt_packets


def read(*pieces: bytes) -> list[tuple[int, bytes]]:
    reader = mqtt_packets.PacketReader()
    return [packet for piece in pieces for packet in reader.feed(piece)]


def test_connect_is_golden() -> None:
    made = mqtt_packets.connect(
        client_id="d-1", username="d-1", password="pw", keepalive_s=60, will=("a/b", b"gone")
    )
    assert made == (
        b"\x10\x23\x00\x04MQTT\x04\xee\x00\x3c\x00\x03d-1\x00\x03a/b\x00\x04gone\x00\x03d-1\x00\x02pw"
    )


def test_publish_and_subscribe_are_golden() -> None:
    assert mqtt_packets.publish(b"a/b", 7, b"x" * 130) == (
        b"\x32\x89\x01\x00\x03a/b\x00\x07" + b"x" * 130
    )
    assert (
        mqtt_packets.publish(b"a", 1, b"", retain=True, again=True) == b"\x3b\x05\x00\x01a\x00\x01"
    )
    assert mqtt_packets.subscribe(9, "c", qos=1) == b"\x82\x06\x00\x09\x00\x01c\x01"


@given(
    st.lists(st.tuples(st.binary(max_size=300), st.integers(1, 65535)), max_size=5),
    st.lists(st.integers(0, 2_000), max_size=6),
)
def test_however_it_is_cut(messages: list[tuple[bytes, int]], cuts: list[int]) -> None:
    whole = b"".join(mqtt_packets.publish(b"t", number, payload) for payload, number in messages)
    places = sorted({0, len(whole), *(cut for cut in cuts if cut < len(whole))})
    pieces = [whole[a:b] for a, b in pairwise(places)]
    expected = [
        (mqtt_packets.PUBLISH, b"\x00\x01t" + number.to_bytes(2) + payload)
        for payload, number in messages
    ]
    assert read(*pieces) == read(whole) == expected


@given(st.binary(max_size=60), st.integers(0, 60))
def test_any_bytes_are_packets_or_the_one_error(data: bytes, cut: int) -> None:
    try:
        at_once = read(data)
    except BenchError:
        with pytest.raises(BenchError):
            read(data[:cut], data[cut:])
    else:
        assert read(data[:cut], data[cut:]) == at_once

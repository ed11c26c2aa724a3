"""Deflated packs: the same pack comes back, no bytes do harm, a bomb is refused before it grows."""

import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_agent.wire import MAX_PAYLOAD_BYTES, Pack, WireError, decode_pack, encode_pack


def decode(payload):
    return decode_pack(payload, device_id="d", received_s=1.7e9)


@given(
    st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=50),
    st.sampled_from(["json", "cbor"]),
)
def test_a_deflated_pack_comes_back_whole(values, form):
    pack = Pack("b", 1, [], [], [], [])
    for n, value in enumerate(values):
        pack.names.append(f"m{n % 3}")
        pack.times_s.append(1.7e9 + n)
        pack.values.append(value)
        pack.units.append("V")
    plain = encode_pack(pack, device_id="d", form=form)
    small = encode_pack(pack, device_id="d", form=form, deflated=True)
    assert len(small) <= len(plain)
    assert decode(small) == decode(plain) == pack


@given(st.binary(max_size=300), st.booleans())
def test_any_bytes_after_the_mark_give_a_pack_or_the_one_error(tail, sound):
    payload = zlib.compress(tail) if sound else b"\x78\x9c" + tail
    try:
        decode(payload)
    except WireError:
        return


PACK = zlib.compress(b'[{"n":"a","v":1}]')


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        (PACK[:-1], "cut short"),
        (PACK + b"x", "after its end"),
        (b"\x78\x9cnonsense", "not sound zlib"),
        (zlib.compress(PACK), "neither a JSON nor a CBOR"),
        (zlib.compress(b"[" + b" " * MAX_PAYLOAD_BYTES), "inflates to more than"),
    ],
)
def test_what_is_wrong_is_said(payload, said):
    with pytest.raises(WireError, match=said):
        decode(payload)


def test_a_bomb_takes_no_more_memory_than_the_limit():
    bomb = zlib.compress(bytes(200 * MAX_PAYLOAD_BYTES))
    assert len(bomb) < MAX_PAYLOAD_BYTES
    tracemalloc.start()
    try:
        with pytest.raises(WireError, match="inflates to more than"):
            decode(bomb)
        assert tracemalloc.get_traced_memory()[1] < 5 * MAX_PAYLOAD_BYTES
    finally:
        tracemalloc.stop()

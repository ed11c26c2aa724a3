"""COBS, SLIP and the check sums against golden bytes, a slow reference and themselves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cobs import cobs as other_cobs
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.framing import cobs, slip
from firmware_bridge.framing.crc import crc16
from tests.firmware_bridge import reference_link as ref

GOLDEN = Path(__file__).parents[1] / "golden"
CODERS = [(cobs.encode_plain, cobs.decode_plain), (cobs.encode, cobs.decode)]
RUNS = st.lists(
    st.sampled_from([b"\0", b"\1", b"a" * 253, b"b" * 254, b"c" * 255, b"xy"]), max_size=8
)


@pytest.mark.parametrize(("encode", "decode"), CODERS, ids=["plain", "fast"])
def test_golden_cobs(encode, decode) -> None:
    rows = json.loads((GOLDEN / "cobs.json").read_text())
    assert len(rows) >= 9
    for row in rows:
        plain, coded = bytes.fromhex(row["plain"]), bytes.fromhex(row["coded"])
        if plain:
            assert encode(plain) == coded
        assert decode(coded) == plain


@given(st.one_of(st.binary(max_size=600), RUNS.map(b"".join)))
def test_plain_cobs_is_cobs(raw: bytes) -> None:
    coded = cobs.encode_plain(raw)
    assert coded == other_cobs.encode(raw)
    assert 0 not in coded
    assert cobs.decode_plain(coded) == raw
    if len(raw) < 254:
        assert ref.cobs(raw) == coded
        assert ref.uncobs(coded) == raw


@given(st.binary(max_size=300))
def test_any_bytes_are_cobs_or_refused(coded: bytes) -> None:
    results = []
    for decode in (cobs.decode_plain, cobs.decode):
        try:
            results.append(decode(coded))
        except cobs.DECODE_ERRORS:
            results.append(None)
    assert results[0] == results[1]


@given(st.binary(max_size=200))
def test_slip_there_and_back(raw: bytes) -> None:
    coded = slip.encode(raw)
    assert coded[:1] == coded[-1:] == b"\xc0"
    assert 0xC0 not in coded[1:-1]
    assert slip.decode(coded[1:-1]) == raw


@pytest.mark.parametrize("escaped", [b"\xdb", b"a\xdbb", b"\xdb\xdb\xdc"])
def test_half_an_escape_is_refused(escaped: bytes) -> None:
    with pytest.raises(slip.NotSlip):
        slip.decode(escaped)


def test_golden_crc() -> None:
    for row in json.loads((GOLDEN / "crc.json").read_text()):
        data = bytes.fromhex(row["data"])
        assert crc16(data) == row["crc"]
        assert crc16(data + row["crc"].to_bytes(2, "big")) == 0


@given(st.binary(max_size=130))
def test_crc_is_the_reference_s(data: bytes) -> None:
    assert crc16(data) == ref.crc(data)

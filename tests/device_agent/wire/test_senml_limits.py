"""Sizes and shapes a pack may have, and what its refusal says."""

import tracemalloc

import pytest

from device_agent.wire import (
    MAX_PAYLOAD_BYTES,
    MAX_RECORDS,
    Pack,
    TextReading,
    WireError,
    decode_pack,
    encode_pack,
)


def decode(payload):
    return decode_pack(payload, device_id="dev-1", received_s=1.79e9)


def refusal(payload):
    with pytest.raises(WireError) as caught:
        decode(payload)
    return caught.value


def test_leading_whitespace_is_allowed_in_json():
    assert decode(b' \r\n\t[ {"n":"a","v":1} , {"n":"b","v":2} ] \n').names == ["a", "b"]


def test_ten_megabytes_are_refused_by_size():
    assert "larger than" in refusal(b"[" + b" " * (10 << 20)).reason


@pytest.mark.parametrize("record", [b'{"n":"a","v":1},', b"{},"])
def test_too_many_json_records_are_refused(record):
    payload = b"[" + record * (MAX_PAYLOAD_BYTES // len(record) - 2) + record[:-1] + b"]"
    assert refusal(payload).reason == f"more than {MAX_RECORDS} records"


def test_a_hundred_thousand_cbor_records_are_refused_before_they_are_built():
    payload = b"\x9a\x00\x01\x86\xa0" + b"\xa0" * 100_000
    tracemalloc.start()
    try:
        assert refusal(payload).reason == f"more than {MAX_RECORDS} records"
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()


def test_the_largest_number_of_records_passes():
    payload = b"[" + b",".join([b'{"n":"a","v":1}'] * MAX_RECORDS) + b"]"
    assert len(decode(payload)) == MAX_RECORDS


def test_the_record_at_fault_is_named():
    error = refusal(b'[{"n":"a","v":1},{"n":"b","v":2},{"n":"c","v":"x"}]')
    assert (error.field, "record 2" in error.reason) == ("v", True)


def test_a_hostile_name_is_not_repeated_raw():
    assert str(refusal(b'[{"n":"\\u001b[2J\\u202e","v":1}]')).isprintable()


def test_a_number_too_large_for_a_float_is_refused():
    assert refusal(b'[{"n":"a","v":' + b"9" * 400 + b"}]").field == "v"
    assert refusal(b'[{"n":"a","v":1},{"n":"a","v":' + b"9" * 400 + b"}]").field == "v"


@pytest.mark.parametrize("unit", ["°C", "a b", "x" * 33, "\n"])
def test_a_unit_that_could_not_be_senml_is_refused(unit):
    assert refusal(
        f'[{{"n":"a","v":1}},{{"n":"a","v":1,"u":{unit!a}}}]'.replace("'", '"').encode()
    ).field in {"u", "payload"}


@pytest.mark.parametrize(
    ("pack", "field"),
    [
        (Pack(None, None, ["A"], [1.7e9], [1.0], [""], []), "n"),
        (Pack(None, None, ["a"], [5.0], [1.0], [""], []), "t"),
        (Pack(None, None, ["a"], [1.7e9], [float("nan")], [""], []), "v"),
        (Pack(None, None, ["a"], [1.7e9], [1.0], ["° C"], []), "u"),
        (Pack("b b", None, ["a"], [1.7e9], [1.0], [""], []), "boot"),
        (Pack("b", -1, ["a"], [1.7e9], [1.0], [""], []), "seq"),
        (Pack(None, None, [], [], [], [], [TextReading("a", 1.7e9, "x" * 5000)]), "vs"),
        (
            Pack(None, None, ["a"] * 20_001, [1.7e9] * 20_001, [1.0] * 20_001, [""] * 20_001, []),
            "payload",
        ),
    ],
)
@pytest.mark.parametrize("form", ["json", "cbor"])
def test_a_pack_that_would_be_refused_can_not_be_encoded(pack, field, form):
    with pytest.raises(WireError) as caught:
        encode_pack(pack, device_id="dev-1", form=form)
    assert caught.value.field == field


def test_an_endless_base_name_is_refused_before_it_is_remembered():
    assert refusal(b'[{"bn":"dev-1/' + b"x" * 1000 + b'","n":"a","v":1}]').field == "bn"


def test_a_label_that_must_be_understood_can_not_be_hidden_by_an_escape():
    assert refusal(b'[{"n":"a","v":1,"x\\u005f":1}]').field == "label"
    assert refusal(b'[{"n":"a","v":1},{"n":"a","v":1,"x\\u005f":1}]').field == "label"


def test_a_pack_begins_with_braces_in_its_text():
    pack = decode(b'[{"n":"a","vs":"}"},{"n":"b","v":1}]')
    assert (pack.texts[0].text, pack.names) == ("}", ["b"])

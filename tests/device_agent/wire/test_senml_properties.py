"""Laws of the pack codec, for any bytes and any pack."""

import json
import math

import cbor2
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from device_agent.wire import (
    Pack,
    TextReading,
    WireError,
    decode_pack,
    encode_pack,
)
from device_agent.wire.cbor import LABELS

NOW_S = 1_790_000_000.25
DEVICE = "dev-1"
NUMBERS = {label: number for number, label in LABELS.items()}

names = st.text("abcz019_./-", min_size=1, max_size=12)
times = st.one_of(
    st.floats(2**28, 253_402_300_799),
    st.integers(1_600_000_000_000, 1_900_000_000_000).map(lambda ms: ms / 1000),
)
values = st.one_of(st.floats(allow_nan=False, allow_infinity=False), st.booleans())
units = st.sampled_from(["", "Cel", "%RH", "/", "1/s", "B"])


@st.composite
def packs(draw):
    rows = draw(st.lists(st.tuples(names, times, values, units), max_size=8))
    columns = [list(column) for column in zip(*rows, strict=True)] or [[], [], [], []]
    texts = draw(
        st.lists(
            st.builds(TextReading, names, times, st.text(max_size=20).filter(encodable)), max_size=2
        )
    )
    boot = draw(st.none() | st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True))
    seq = draw(st.none() | st.integers(0, 2**53 - 1))
    return Pack(boot, seq, *columns, texts)


def encodable(text):
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def decode(payload):
    return decode_pack(payload, device_id=DEVICE, received_s=NOW_S)


@given(packs())
def test_encoding_and_decoding_is_identity_in_both_forms(pack):
    assert decode(encode_pack(pack, device_id=DEVICE, form="json")) == pack
    assert decode(encode_pack(pack, device_id=DEVICE, form="cbor")) == pack


@given(st.binary(max_size=200))
@example(b"[" * 100_000)
@example(b'[{"x":' + b"[" * 100_000)
@example(b"\x81" * 100_000)
@example(b"\x81\xa1\x02" + b"\xc2\x59\xff\xff" + b"\xff" * 65_535)
@example(b"\x82\xd8\x1c\xa2\x00\x61a\x02\x01\xd8\x1d\x00")
@example(b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff")
@example(b'[{"n":"a","v":1},{"n":"b","v":' + b"9" * 5000 + b"}]")
def test_any_bytes_give_a_pack_or_the_one_error(payload):
    expect_pack_or_error(payload)


@given(
    st.binary(max_size=60),
    st.sampled_from([b"[", b"[{", b"\x81", b"\x82\xa2", b'[{"n":"a",', b"\x81\xa1\x00"]),
)
def test_any_bytes_after_a_good_start_give_a_pack_or_the_one_error(payload, start):
    expect_pack_or_error(start + payload)


@given(packs(), st.sampled_from(["json", "cbor"]), st.data())
def test_a_mutated_pack_gives_a_pack_or_the_one_error(pack, form, data):
    payload = bytearray(encode_pack(pack, device_id=DEVICE, form=form))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(payload) - 1))
        payload[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
        if not payload:
            break
    expect_pack_or_error(bytes(payload))


def expect_pack_or_error(payload):
    try:
        pack = decode(payload)
    except WireError as error:
        refusal = error
    else:
        expect_sound(pack)
        return
    assert refusal.field
    assert str(refusal) == f"{refusal.field}: {refusal.reason}"
    assert str(refusal).isprintable()


def expect_sound(pack):
    assert len(pack.names) == len(pack.times_s) == len(pack.values) == len(pack.units)
    for name, time_s, value in zip(pack.names, pack.times_s, pack.values, strict=True):
        assert 1 <= len(name) <= 128
        assert 0 <= time_s <= 253_402_300_799
        assert math.isfinite(value)
    assert all(isinstance(value, float | bool) for value in pack.values)
    assert all(isinstance(time_s, float) for time_s in pack.times_s)


numbers = st.one_of(
    st.integers(-(2**40), 2**40),
    st.floats(-1e12, 1e12),
    st.sampled_from([0, 2**28, 2**28 - 1, 1_700_000_000, 1e300, 1e308, -1e308]),
)
base_names = st.sampled_from(
    [
        "",
        DEVICE,
        f"{DEVICE}/",
        f"{DEVICE}:",
        f"urn:dev:mac:{DEVICE}:",
        f"{DEVICE}/pump/",
        "other/",
        "urn:dev:x:",
    ]
)
records = st.fixed_dictionaries(
    {},
    optional={
        "bn": base_names,
        "bt": numbers,
        "bu": units,
        "bv": numbers,
        "bver": st.integers(-1, 12),
        "n": names | st.sampled_from(["", "/", "/a", ":b", "Up", f"{DEVICE}/a", "urn:dev:q"]),
        "u": units | st.just("°C"),
        "v": numbers | st.just("1") | st.just(True),
        "vb": st.booleans(),
        "vs": st.text('ab}{\\"é', max_size=3),
        "vd": st.just("AAA"),
        "s": numbers,
        "t": numbers,
        "ut": numbers,
        "boot": st.sampled_from(["b1", "", "x y"]),
        "seq": st.integers(-1, 3),
        "odd": st.just({"deep": [1]}),
        "must_": st.just(1),
    },
)
plain = st.fixed_dictionaries(
    {"n": names, "v": st.floats(-1e6, 1e6), "t": st.floats(0, 1e6)}, optional={"u": units}
)
first = st.fixed_dictionaries(
    {"bt": st.just(1.7e9)},
    optional={
        "bn": base_names,
        "bu": units,
        "bv": st.floats(-10, 10),
        "n": names,
        "v": st.floats(-9, 9),
    },
)
record_lists = st.one_of(
    st.lists(records, max_size=5),
    st.lists(plain, max_size=5),
    st.builds(lambda head, tail: [head, *tail], first, st.lists(plain, max_size=5)),
    st.builds(lambda head, tail: [head, *tail], first, st.lists(plain | records, max_size=3)),
)


@given(record_lists)
def test_fast_decoding_agrees_with_the_slow_reference_and_json_with_cbor(rows):
    expected = outcome(lambda: reference(rows))
    as_json = json.dumps(rows, ensure_ascii=False).encode()
    as_cbor = cbor2.dumps([{NUMBERS.get(k, k): v for k, v in row.items()} for row in rows])
    assert outcome(lambda: decode(as_json)) == expected
    assert outcome(lambda: decode(as_cbor)) == expected


def outcome(act):
    try:
        return act()
    except WireError:
        return "refused"


def reference(rows):
    """RFC 8428 and our contract, one record after another, nothing clever."""
    require(rows, "empty")
    boot, seq = rows[0].get("boot"), rows[0].get("seq")
    require(boot in {None, "b1"} and (seq is None or seq >= 0), "identity")
    base = {"bn": "", "bt": 0.0, "bu": "", "bv": 0.0}
    pack = Pack(boot, seq, [], [], [], [], [])
    for row in rows:
        require("must_" not in row, "label")
        require(1 <= row.get("bver", 10) <= 10, "bver")
        base |= {label: row[label] for label in base if label in row}
        require(base["bn"] == "" or own_part(base["bn"]) is not None, "bn")
        require(row.get("u", "").isascii(), "u")
        kinds = [label for label in ("v", "vb", "vs", "vd") if label in row]
        if not kinds:
            require(not row.keys() & {"n", "t", "u", "s"}, "no value")
            continue
        require(len(kinds) == 1 and kinds != ["vd"], "values")
        require(type(row.get("v", 0)) in {int, float}, "v")
        name = base["bn"] + row.get("n", "")
        if base["bn"]:
            name = (
                row.get("n", "")
                if base["bn"] == DEVICE and own_part(name) is None
                else own_part(name)
            )
        require(
            1 <= len(name) <= 128 and set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789_./-"),
            "n",
        )
        time_s = float(base["bt"]) + float(row.get("t", 0))
        if time_s < 2**28:
            time_s += NOW_S
        require(0 <= time_s <= 253_402_300_799, "t")
        if "vs" in row:
            pack.texts.append(TextReading(name, time_s, row["vs"]))
            continue
        value = row["vb"] if "vb" in row else float(base["bv"]) + float(row["v"])
        require(math.isfinite(value), "v")
        pack.names.append(name)
        pack.times_s.append(time_s)
        pack.values.append(value)
        pack.units.append(row.get("u") or base["bu"])
    return pack


def own_part(name):
    """What follows the device's own name; None if the name is not the device's."""
    if name == DEVICE:
        return ""
    for head in (f"{DEVICE}/", f"{DEVICE}:"):
        if name.startswith(head):
            return name[len(head) :]
    if name.startswith("urn:dev:") and f":{DEVICE}:" in name:
        return name.partition(f":{DEVICE}:")[2]
    return None


def require(condition, field):
    if not condition:
        raise WireError(field, "reference")


@given(st.binary(max_size=40))
def test_cbor_is_taken_only_whole(junk):
    payload = encode_pack(
        Pack("b", 1, ["a"], [1.7e9], [1.0], [""], []), device_id=DEVICE, form="cbor"
    )
    if not junk:
        decode(payload)
        return
    with pytest.raises(WireError):
        decode(payload + junk)


@given(st.integers(1, 40))
def test_a_pack_cut_short_is_refused(cut):
    for form in ("json", "cbor"):
        pack = Pack("b", 1, ["a", "b"], [1.7e9, 1.7e9], [1.0, 2.0], ["Cel", ""], [])
        payload = encode_pack(pack, device_id=DEVICE, form=form)
        with pytest.raises(WireError):
            decode(payload[: -min(cut, len(payload))])

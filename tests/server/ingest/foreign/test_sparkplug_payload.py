"""Sparkplug B payloads, against bytes that Eclipse Tahu's own encoder made."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_agent.wire import WireError
from server.ingest.foreign.sparkplug_payload import Metric, Payload, decode, encode, value_of

GOLDEN = Path(__file__).parent / "golden" / "sparkplug"
NAMES = sorted(path.stem for path in GOLDEN.glob("*.bin"))
TYPES = {
    "Int8": 1, "Int32": 3, "Int64": 4, "UInt16": 6, "UInt64": 8, "Float": 9, "Double": 10,
    "Boolean": 11, "String": 12, "DateTime": 13, "DataSet": 16,
}  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_golden_bytes_mean_what_tahu_says(name):
    expected = json.loads((GOLDEN / f"{name}.json").read_text())
    payload = decode((GOLDEN / f"{name}.bin").read_bytes())
    assert payload.time_ms == expected["timestamp"]
    assert payload.seq == expected.get("seq")
    assert len(payload.metrics) == len(expected.get("metrics", []))
    for metric, other in zip(payload.metrics, expected.get("metrics", []), strict=True):
        assert metric.name == other.get("name", "")
        assert metric.alias == other.get("alias")
        assert metric.time_ms == other.get("timestamp")
        assert metric.datatype == TYPES[other["type"]]
        assert metric.is_historical == other.get("isHistorical", False)
        unit = other.get("properties", {}).get("engUnit", {}).get("value", "")
        assert metric.unit == unit
        if other["type"] == "DataSet":
            assert metric.raw is None
        elif other["type"] == "DateTime":
            assert value_of(metric.raw, metric.datatype) == other["value"] / 1000
        else:
            assert value_of(metric.raw, metric.datatype) == other["value"]


@given(st.binary(max_size=200))
def test_any_bytes_give_a_payload_or_the_one_documented_error(raw):
    try:
        payload = decode(raw)
    except WireError as error:
        assert error.field == "payload"  # noqa: PT017 - half of the law
    else:
        assert isinstance(payload, Payload)


@given(name=st.sampled_from(NAMES), data=st.data())
def test_so_do_mutated_golden_bytes(name, data):
    raw = bytearray((GOLDEN / f"{name}.bin").read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    try:
        for metric in decode(bytes(raw)).metrics:
            value_of(metric.raw, metric.datatype)
    except WireError as error:
        assert re.fullmatch("payload|datatype", error.field)  # noqa: PT017


@given(
    raw=st.booleans() | st.floats(allow_nan=False) | st.text(st.characters(codec="utf-8")),
    time_ms=st.none() | st.integers(0, 2**64 - 1),
)
def test_what_is_encoded_is_decoded(raw, time_ms):
    datatype = 11 if isinstance(raw, bool) else 12 if isinstance(raw, str) else 10
    sent = Payload(time_ms, 3, [Metric("Node Control/Rebirth", datatype=datatype, raw=raw)])
    assert decode(encode(sent)) == sent

"""Sparkplug B's payload: protobuf bytes ⇄ typed metrics. No memory, no topics.

The message is described here, field by field, as Eclipse Tahu's `sparkplug_b.proto` numbers them; only
what a sample needs. What is not described (data sets, templates, files) is passed over by the decoder.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, cast

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from device_agent.wire import MAX_PAYLOAD_BYTES, WireError
from device_agent.wire.text import clean

_FIELD: Final = descriptor_pb2.FieldDescriptorProto
_SCALARS: Final = {
    "uint32": _FIELD.TYPE_UINT32,
    "uint64": _FIELD.TYPE_UINT64,
    "float": _FIELD.TYPE_FLOAT,
    "double": _FIELD.TYPE_DOUBLE,
    "bool": _FIELD.TYPE_BOOL,
    "string": _FIELD.TYPE_STRING,
}
_MESSAGES: Final = {
    "Payload": (
        ("timestamp", 1, "uint64"), ("metrics", 2, "Metric*"), ("seq", 3, "uint64"),
    ),
    "Metric": (
        ("name", 1, "string"), ("alias", 2, "uint64"), ("timestamp", 3, "uint64"),
        ("datatype", 4, "uint32"), ("is_historical", 5, "bool"), ("is_transient", 6, "bool"),
        ("is_null", 7, "bool"), ("properties", 9, "Properties"), ("int_value", 10, "uint32"),
        ("long_value", 11, "uint64"), ("float_value", 12, "float"), ("double_value", 13, "double"),
        ("boolean_value", 14, "bool"), ("string_value", 15, "string"),
    ),
    "Properties": (("keys", 1, "string*"), ("values", 2, "Property*")),
    "Property": (("type", 1, "uint32"), ("string_value", 8, "string")),
}  # fmt: skip
"""Message → (field, number, type); `*` repeated."""
_PACKAGE: Final = "forewarn.sparkplug"

_SIGNED_BITS: Final = {1: 8, 2: 16, 3: 32, 4: 64}
_UNSIGNED: Final = frozenset({5, 6, 7, 8})
_REAL: Final = frozenset({9, 10})
_BOOLEAN: Final = 11
_TEXTS: Final = frozenset({12, 14, 15})
_DATE_TIME: Final = 13
_VALUES: Final = (
    "double_value", "float_value", "int_value", "long_value", "boolean_value", "string_value"
)  # fmt: skip
_UNIT_KEYS: Final = frozenset(
    {"engUnit", "EngUnit", "Engineering Units", "engineeringUnits", "unit"}
)


@dataclass(frozen=True, slots=True)
class Metric:
    """As sent: a name, an alias, or both; `datatype` 0 and `unit` "" where they were not repeated."""

    name: str = ""
    alias: int | None = None
    time_ms: int | None = None
    datatype: int = 0
    raw: float | bool | str | None = None
    is_historical: bool = False
    is_transient: bool = False
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Payload:
    time_ms: int | None = None
    seq: int | None = None
    metrics: list[Metric] = field(default_factory=list)


def decode(payload: bytes) -> Payload:
    """Raises WireError, and nothing else, for what is no Sparkplug payload."""
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise WireError("payload", f"larger than {MAX_PAYLOAD_BYTES} bytes")
    message = _payload()
    try:
        message.ParseFromString(payload)
        return Payload(
            message.timestamp if message.HasField("timestamp") else None,
            message.seq if message.HasField("seq") else None,
            [_metric(metric) for metric in message.metrics],
        )
    except (DecodeError, ValueError) as error:
        reason = clean(str(error) or type(error).__name__, 100)
        raise WireError("payload", f"is no Sparkplug B payload: {reason}") from None


def encode(payload: Payload) -> bytes:
    """Metrics by name, without properties; whole numbers as they are, others as doubles."""
    message = _payload()
    if payload.time_ms is not None:
        message.timestamp = payload.time_ms
    if payload.seq is not None:
        message.seq = payload.seq
    for metric in payload.metrics:
        sent = message.metrics.add(name=metric.name, datatype=metric.datatype)
        if isinstance(metric.raw, bool):
            sent.boolean_value = metric.raw
        elif isinstance(metric.raw, str):
            sent.string_value = metric.raw
        elif metric.raw is not None:
            sent.double_value = metric.raw
    return cast("bytes", message.SerializeToString())


def value_of(raw: float | bool | str | None, datatype: int) -> float | bool | str | None:
    """What the wire's number means; None for null. Raises WireError for a type that is no sample.

    >>> value_of(4294967295, 3), value_of(255, 1), value_of(65535, 6), value_of(1, 11)
    (-1, -1, 65535, True)
    """
    if raw is None:
        return None
    if isinstance(raw, str):
        if datatype in _TEXTS or datatype == 0:
            return raw
    elif datatype in _SIGNED_BITS and isinstance(raw, int):
        bits = _SIGNED_BITS[datatype]
        low = raw & (1 << bits) - 1
        return low - (1 << bits) if low >> (bits - 1) else low
    elif datatype == _BOOLEAN:
        return bool(raw)
    elif datatype == _DATE_TIME:
        return raw / 1000
    elif datatype in _UNSIGNED or datatype in _REAL or datatype == 0:
        return raw
    raise WireError("datatype", f"{datatype} is not a number, a switch or a text")


def _metric(metric: Any) -> Metric:
    raw: float | bool | str | None = None
    if not metric.is_null:
        held = next((name for name in _VALUES if metric.HasField(name)), None)
        raw = getattr(metric, held) if held else None
    properties = zip(metric.properties.keys, metric.properties.values, strict=False)
    unit = next((value.string_value for key, value in properties if key in _UNIT_KEYS), "")
    return Metric(
        metric.name,
        metric.alias if metric.HasField("alias") else None,
        metric.timestamp if metric.HasField("timestamp") else None,
        metric.datatype,
        raw,
        metric.is_historical,
        metric.is_transient,
        unit,
    )


def _described() -> Any:
    file = descriptor_pb2.FileDescriptorProto(
        name="forewarn/sparkplug.proto", package=_PACKAGE, syntax="proto2"
    )
    for name, fields in _MESSAGES.items():
        described = file.message_type.add(name=name)
        for field_name, number, kind in fields:
            base = kind.removesuffix("*")
            added = described.field.add(name=field_name, number=number)
            added.label = _FIELD.LABEL_REPEATED if kind != base else _FIELD.LABEL_OPTIONAL
            added.type = _SCALARS.get(base, _FIELD.TYPE_MESSAGE)
            if base not in _SCALARS:
                added.type_name = f".{_PACKAGE}.{base}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.Payload"))


_payload: Final = _described()

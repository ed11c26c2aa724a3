"""JSON objects checked against a msgspec schema, every fault turned into a WireError."""

import re
from typing import Final, TypeVar

import msgspec

from device_agent.wire.errors import WireError
from device_agent.wire.text import check_text, clean

MAX_MESSAGE_BYTES: Final = 64 * 1024
MAX_FIELDS: Final = 128

Scalar = str | int | float | bool | None

_T = TypeVar("_T")
_PATH: Final = re.compile(r"^(?P<reason>.*?)(?: - at `(?P<path>[^`]*)`)?$", re.DOTALL)
_MAX_INT: Final = 2**53 - 1


def decode_object(payload: bytes, decoder: msgspec.json.Decoder[_T]) -> _T:
    """Decode one JSON object of at most ``MAX_MESSAGE_BYTES``; raises WireError only."""
    if len(payload) > MAX_MESSAGE_BYTES:
        raise WireError("payload", f"larger than {MAX_MESSAGE_BYTES} bytes")
    try:
        return decoder.decode(payload)
    except (ValueError, RecursionError) as error:
        raise wire_error(error) from None


def encode_object(message: object) -> bytes:
    """Encode one JSON object; raises WireError when it would be too large to be accepted."""
    payload = msgspec.json.encode(message)
    if len(payload) > MAX_MESSAGE_BYTES:
        raise WireError("payload", f"larger than {MAX_MESSAGE_BYTES} bytes")
    return payload


def check_fields(field: str, fields: dict[str, Scalar]) -> dict[str, Scalar]:
    """Return a flat mapping unchanged; raises WireError unless it survives any JSON reader."""
    if len(fields) > MAX_FIELDS:
        raise WireError(field, f"more than {MAX_FIELDS} entries")
    for key, value in fields.items():
        if not key or not key.isprintable():
            raise WireError(field, "a name in it is empty or not printable")
        check_text(field, key, 128)
        if isinstance(value, str):
            check_text(field, value, MAX_MESSAGE_BYTES)
        elif isinstance(value, float):
            if not abs(value) < float("inf"):
                raise WireError(field, f"{clean(key, 40)} is not a finite number")
        elif isinstance(value, int) and not -_MAX_INT <= value <= _MAX_INT:
            raise WireError(field, f"{clean(key, 40)} is an integer beyond 2**53")
    return fields


def check_time(field: str, time_s: float) -> float:
    """Return unix seconds unchanged; raises WireError outside the years 1970 to 9999."""
    if not 0.0 <= time_s <= 253_402_300_799.0:
        raise WireError(field, "is outside the years 1970 to 9999")
    return time_s


def wire_error(error: Exception) -> WireError:
    """Word a codec's error as ours: the label at fault and the reason."""
    if isinstance(error, RecursionError):
        return WireError("payload", "is nested too deeply")
    if isinstance(error, UnicodeDecodeError):
        return WireError("payload", "is not UTF-8")
    found = _PATH.match(str(error))
    assert found is not None  # the pattern matches any text
    path = found["path"] or ""
    label = re.findall(r"[a-z_]+", path)
    return WireError(label[-1] if label else "payload", clean(found["reason"], 120))

"""SenML's CBOR form: arrays of maps with small integer labels (RFC 8428 §6)."""

import io
from collections.abc import Mapping
from typing import Any, Final, NoReturn

import cbor2

from device_agent.wire.errors import WireError
from device_agent.wire.resolve import Columns

LABELS: Final[dict[object, str]] = {
    -1: "bver",
    -2: "bn",
    -3: "bt",
    -4: "bu",
    -5: "bv",
    -6: "bs",
    0: "n",
    1: "u",
    2: "v",
    3: "vs",
    4: "vb",
    5: "s",
    6: "t",
    7: "ut",
    8: "vd",
}
_NUMBERS: Final = {label: number for number, label in LABELS.items()}
_N, _U, _V, _T = 0, 1, 2, 6
_MAX_DEPTH: Final = 16
_BREAK_OPENED: Final = 0x9F

# What cbor2 would decode by itself: dates, big numbers, shared references, sets, addresses…
_KNOWN_TAGS: Final = (
    *range(6), 25, 28, 29, 30, 35, 36, 37, 52, 54, 100, 256, 258, 260, 261, 1004, 43000, 55799,
)  # fmt: skip


def _refuse_tag(*_: object) -> NoReturn:
    raise ValueError("tags are not accepted")


_TAG_DECODERS: Final = dict.fromkeys(_KNOWN_TAGS, _refuse_tag)


def load(payload: bytes, max_records: int) -> list[dict[object, Any]]:
    """Decode an array of maps, nothing after it; raises WireError for anything else."""
    _check_head(payload, max_records)
    try:
        decoder = cbor2.CBORDecoder(
            io.BytesIO(payload),
            tag_hook=_refuse_tag,
            semantic_decoders=_TAG_DECODERS,
            max_depth=_MAX_DEPTH,
            allow_indefinite=False,
            allow_duplicate_keys=False,
        )
        records = decoder.decode()
    except (cbor2.CBORError, ValueError, TypeError, ArithmeticError, RecursionError) as error:
        raise WireError("payload", f"CBOR is malformed: {_reason(error)}") from None
    if not isinstance(records, list) or set(map(type, records)) - {dict}:
        raise WireError("payload", "is not an array of maps")
    try:
        decoder.read(1)
    except cbor2.CBORDecodeEOF:
        return records
    raise WireError("payload", "has bytes after its end")


def named(record: Mapping[object, object]) -> dict[str, object]:
    """Give a map's entries under their JSON labels; unknown numbers are left out."""
    fields: dict[str, object] = {}
    for key, value in record.items():
        label = LABELS.get(key, key)
        if isinstance(label, str):
            fields[label] = value
    return fields


def plain_columns(rest: list[dict[object, Any]]) -> Columns | None:
    """Give plain maps as columns; None if any of them holds something else."""
    try:
        names = [m[_N] for m in rest]
        values = [m[_V] for m in rest]
    except KeyError:
        return None
    times = [m.get(_T) for m in rest]
    units: list[Any] = [m.get(_U) for m in rest]
    without_time, without_unit = times.count(None), units.count(None)
    # Every entry of every map must be one of those just taken.
    if sum(map(len, rest)) != 4 * len(rest) - without_time - without_unit:
        return None
    if without_time:
        times = [0.0 if t is None else t for t in times]
    if without_unit:
        units = [u or "" for u in units]
    if not {*map(type, names), *map(type, units)} <= {str}:
        return None
    return _as_floats(names, times, values, units)


def _as_floats(
    names: list[str], times: list[Any], values: list[Any], units: list[str]
) -> Columns | None:
    """Turn whole numbers into floats; None where there is anything but numbers."""
    kinds = {*map(type, times), *map(type, values)}
    if kinds <= {float}:
        return Columns(names, times, values, units)
    if kinds <= {float, int}:
        return Columns(names, list(map(float, times)), list(map(float, values)), units)
    return None


def encode(records: list[dict[str, object]]) -> bytes:
    """Encode records given under their JSON labels."""
    return cbor2.dumps([{_NUMBERS.get(k, k): _short(v) for k, v in r.items()} for r in records])


def _short(value: object) -> object:
    """Give whole floats as integers: up to eight bytes less each."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    return value


def _check_head(payload: bytes, max_records: int) -> None:
    """Refuse before decoding what the array's own head says is too much."""
    head = payload[0]
    if head == _BREAK_OPENED:
        raise WireError("payload", "CBOR of indefinite length is not accepted")
    following = {0x98: 1, 0x99: 2, 0x9A: 4, 0x9B: 8}.get(head, 0)
    count = int.from_bytes(payload[1 : 1 + following]) if following else head & 0x1F
    if count > max_records:
        raise WireError("payload", f"more than {max_records} records")


def _reason(error: Exception) -> str:
    cause = error.__cause__
    return str(cause if isinstance(cause, ValueError) and not str(error) else error)[:120]

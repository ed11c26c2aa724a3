"""Telemetry: SenML packs (RFC 8428) in JSON or CBOR, deflated or not, told apart by the first byte.

Decoding is the hot path of the whole product. Nearly every pack has its base fields on the first
record and then plain records only, so that case is decoded column by column; anything else takes
the slow way, which is also the one that words the errors.
"""

from types import ModuleType
from typing import Any, Final, Literal

import msgspec

from device_agent.wire.deflate import deflate, inflate, is_deflated
from device_agent.wire.errors import WireError
from device_agent.wire.pack import (
    ABSOLUTE_FROM_S,
    LATEST_S,
    MAX_PAYLOAD_BYTES,
    MAX_RECORDS,
    MAX_SEQ,
    Pack,
)
from device_agent.wire.resolve import Columns, Plain, Record, Resolver, finite
from device_agent.wire.schema import wire_error
from device_agent.wire.text import check_metric, check_text, check_token, check_unit
from device_agent.wire.topics import device_topic

_FIRST: Final = msgspec.json.Decoder(Record)
_REST: Final = msgspec.json.Decoder(list[Plain])
_ANY: Final = msgspec.json.Decoder(list[dict[str, object]])
_ENCODER: Final = msgspec.json.Encoder()
_SPACES: Final = b" \t\r\n"


def decode_pack(payload: bytes, *, device_id: str, received_s: float) -> Pack:
    """Decode one telemetry message of ``device_id``.

    Parameters
    ----------
    payload
        At most ``MAX_PAYLOAD_BYTES``, also when inflated, holding at most ``MAX_RECORDS`` records.
    device_id
        Who published it; a base name must name this device.
    received_s
        When it arrived, unix seconds: what relative times are relative to.

    Raises
    ------
    WireError
        For anything that is not a sound pack, and nothing else.
    """
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise WireError("payload", f"larger than {MAX_PAYLOAD_BYTES} bytes")
    if is_deflated(payload):
        payload = inflate(payload)
    first_byte = payload[:1]
    if b"\x80" <= first_byte <= b"\x9f":
        return _decode_cbor(payload, device_id, received_s)
    if first_byte == b"[" or payload.lstrip(_SPACES)[:1] == b"[":
        return _decode_json(payload, device_id, received_s)
    raise WireError("payload", "is neither a JSON nor a CBOR array")


def encode_pack(
    pack: Pack, *, device_id: str, form: Literal["json", "cbor"], deflated: bool = False
) -> bytes:
    """Encode a pack so that ``decode_pack`` gives it back exactly; raises WireError if it can't."""
    device_topic(device_id, "telemetry")
    records = _records(pack, device_id)
    if len(records) > MAX_RECORDS:
        raise WireError("payload", f"more than {MAX_RECORDS} records")
    payload = _ENCODER.encode(records) if form == "json" else _cbor().encode(records)
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise WireError("payload", f"larger than {MAX_PAYLOAD_BYTES} bytes")
    return deflate(payload) if deflated else payload


def _cbor() -> ModuleType:
    """Load CBOR with the first pack in it: a device that speaks JSON saves a megabyte."""
    from device_agent.wire import cbor  # noqa: PLC0415

    return cbor


def _decode_json(payload: bytes, device_id: str, received_s: float) -> Pack:
    pack = _fast_json(payload, device_id, received_s)
    if pack is not None:
        return pack
    try:
        records = _ANY.decode(payload)
    except (ValueError, RecursionError) as error:
        raise wire_error(error) from None
    return _slow(records, device_id, received_s)


def _fast_json(payload: bytes, device_id: str, received_s: float) -> Pack | None:
    """Decode first record and plain rest apart; None where that split does not fit."""
    opening = payload.find(b"[") + 1
    end = payload.find(b"}") + 1
    head, tail = payload[opening:end], payload[end:].lstrip(_SPACES)
    # Labels that end in "_" must be understood (RFC 8428 §4.4); the slow way looks at each.
    if b'_"' in head or b"\\" in head:
        return None
    try:
        first = _FIRST.decode(head)
        if tail[:1] == b",":
            rest = _REST.decode(b"[" + tail[1:])
        elif tail.rstrip(_SPACES) == b"]":
            rest = []
        else:
            return None
    except (ValueError, RecursionError):
        return None
    if len(rest) >= MAX_RECORDS:
        return None
    columns = Columns(
        [r.n for r in rest], [r.t for r in rest], [r.v for r in rest], [r.u for r in rest]
    )
    return _fast(first, columns, Resolver(device_id, received_s))


def _decode_cbor(payload: bytes, device_id: str, received_s: float) -> Pack:
    cbor = _cbor()
    maps = cbor.load(payload, MAX_RECORDS)
    pack = _fast_cbor(maps, device_id, received_s)
    if pack is not None:
        return pack
    return _slow([cbor.named(record) for record in maps], device_id, received_s)


def _fast_cbor(maps: list[dict[object, Any]], device_id: str, received_s: float) -> Pack | None:
    cbor = _cbor()
    columns = cbor.plain_columns(maps[1:])
    if not maps or columns is None:
        return None
    head = cbor.named(maps[0])
    if _has_unknown_must(head):
        return None
    try:
        first = msgspec.convert(head, Record)
    except msgspec.ValidationError:
        return None
    return _fast(first, columns, Resolver(device_id, received_s))


def _fast(first: Record, rest: Columns, resolver: Resolver) -> Pack | None:
    try:
        resolver.identify(first)
        resolver.add(first)
    except WireError:
        return None
    return resolver.pack() if resolver.add_columns(rest) else None


def _slow(records: list[dict[str, object]], device_id: str, received_s: float) -> Pack:
    """Decode record by record, naming the one at fault."""
    if not records:
        raise WireError("payload", "holds no record")
    if len(records) > MAX_RECORDS:
        raise WireError("payload", f"more than {MAX_RECORDS} records")
    resolver = Resolver(device_id, received_s)
    for index, fields in enumerate(records):
        try:
            record = _as_record(fields)
            if index == 0:
                resolver.identify(record)
            resolver.add(record)
        except WireError as error:
            raise WireError(error.field, f"{error.reason} (record {index})") from None
    return resolver.pack()


def _as_record(fields: dict[str, object]) -> Record:
    if _has_unknown_must(fields):
        raise WireError("label", "a label that must be understood is not")
    try:
        return msgspec.convert(fields, Record)
    except msgspec.ValidationError as error:
        raise wire_error(error) from None


def _has_unknown_must(fields: dict[str, object]) -> bool:
    return any(label.endswith("_") for label in fields)


def _records(pack: Pack, device_id: str) -> list[dict[str, object]]:
    """Give the pack's records: base name, base time, boot and seq on the first."""
    all_times = [*pack.times_s, *(text.time_s for text in pack.texts)]
    for time_s in all_times:
        if not ABSOLUTE_FROM_S <= time_s <= LATEST_S:
            raise WireError("t", "can't be sent: before July 1978 or after 9999")
    base_s = float(int(min(all_times, default=0.0)))
    records: list[dict[str, object]] = []
    columns = zip(pack.names, pack.times_s, pack.values, pack.units, strict=True)
    for name, time_s, value, unit in columns:
        record: dict[str, object] = {"n": check_metric(name)}
        if check_unit(unit):
            record["u"] = unit
        record |= {"vb": value} if isinstance(value, bool) else {"v": finite("v", value)}
        records.append(record | _offset(base_s, time_s))
    for text in pack.texts:
        record = {"n": check_metric(text.name), "vs": check_text("vs", text.text)}
        records.append(record | _offset(base_s, text.time_s))
    first: dict[str, object] = {"bn": f"{device_id}/"}
    if base_s:
        first["bt"] = base_s
    if pack.boot is not None:
        first["boot"] = check_token("boot", pack.boot)
    if pack.seq is not None:
        if not 0 <= pack.seq <= MAX_SEQ:
            raise WireError("seq", f"must be 0 to {MAX_SEQ}")
        first["seq"] = pack.seq
    return [first | records[0], *records[1:]] if records else [first]


def _offset(base_s: float, time_s: float) -> dict[str, object]:
    """Give ``t`` so that base + t is the very same float, in few digits where they suffice."""
    exact = time_s - base_s
    short = round(exact, 6)
    offset = short if base_s + short == time_s else exact
    return {"t": offset} if offset else {}

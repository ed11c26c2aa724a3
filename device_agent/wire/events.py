"""Things that happened on a device: a reboot, a link fault, a sensor gone quiet."""

import re
from dataclasses import dataclass, field
from typing import Final

import msgspec

from device_agent.wire.errors import WireError
from device_agent.wire.schema import (
    Scalar,
    check_fields,
    check_time,
    decode_object,
    encode_object,
)

_KIND: Final = re.compile(r"[a-z_]{1,40}")


@dataclass(frozen=True, slots=True)
class DeviceEvent:
    """One event: its kind (``[a-z_]{1,40}``), when (unix seconds), and a flat detail."""

    kind: str
    time_s: float
    detail: dict[str, Scalar] = field(default_factory=dict)


_DECODER: Final = msgspec.json.Decoder(DeviceEvent)


def decode_event(payload: bytes) -> DeviceEvent:
    """Decode an event message; raises WireError only."""
    return _checked(decode_object(payload, _DECODER))


def encode_event(event: DeviceEvent) -> bytes:
    """Encode an event message; raises WireError for one that would not be accepted."""
    return encode_object(_checked(event))


def _checked(event: DeviceEvent) -> DeviceEvent:
    if _KIND.fullmatch(event.kind) is None:
        raise WireError("kind", "must be 1 to 40 of a-z _")
    check_time("time_s", event.time_s)
    check_fields("detail", event.detail)
    return event

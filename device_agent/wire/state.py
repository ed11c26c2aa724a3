"""What a device says about itself: retained, born on connect, ended by the broker's will."""

from dataclasses import dataclass, field
from typing import Final, Literal

import msgspec

from device_agent.wire.errors import WireError
from device_agent.wire.schema import check_time, decode_object, encode_object
from device_agent.wire.text import check_metric, check_text, check_unit

MAX_SENSORS: Final = 1000
_MAX_WORD_CHARS: Final = 128


@dataclass(frozen=True, slots=True)
class SensorInfo:
    """One metric that the device offers; ``limits`` is its possible range in ``unit``, an open end is None."""

    name: str
    unit: str = ""
    kind: str = ""
    limits: tuple[float | None, float | None] | None = None


@dataclass(frozen=True, slots=True)
class DeviceState:
    """Online or offline, why, since when (unix seconds), and what the device is."""

    status: Literal["online", "offline"]
    reason: Literal["birth", "will", "shutdown"]
    time_s: float
    boot: str = ""
    model: str = ""
    firmware: str = ""
    agent_version: str = ""
    sensors: tuple[SensorInfo, ...] = field(default=())


_DECODER: Final = msgspec.json.Decoder(DeviceState)


def decode_state(payload: bytes) -> DeviceState:
    """Decode a state message; raises WireError only."""
    return _checked(decode_object(payload, _DECODER))


def encode_state(state: DeviceState) -> bytes:
    """Encode a state message; raises WireError for one that would not be accepted."""
    return encode_object(_checked(state))


def _checked(state: DeviceState) -> DeviceState:
    check_time("time_s", state.time_s)
    for name in ("boot", "model", "firmware", "agent_version"):
        check_text(name, getattr(state, name), _MAX_WORD_CHARS)
    if len(state.sensors) > MAX_SENSORS:
        raise WireError("sensors", f"more than {MAX_SENSORS}")
    for sensor in state.sensors:
        check_metric(sensor.name)
        check_unit(sensor.unit)
        check_text("kind", sensor.kind, _MAX_WORD_CHARS)
        if sensor.limits is not None and not _is_range(*sensor.limits):
            raise WireError("limits", "must be two finite numbers or null, the lower first")
    return state


def _is_range(low: float | None, high: float | None) -> bool:
    ends = [end for end in (low, high) if end is not None]
    return ends == sorted(ends) and all(abs(end) < float("inf") for end in ends)

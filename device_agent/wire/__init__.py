"""The one language devices and server speak: topics, telemetry, state, events, commands, results.

It knows bytes and values only: no sockets, no clock, no files. Every decoder keeps one law:
any bytes give a value or :class:`WireError`, never anything else.
"""

from device_agent.wire.commands import (
    Command,
    CommandResult,
    decode_command,
    decode_result,
    encode_command,
    encode_result,
)
from device_agent.wire.errors import WireError
from device_agent.wire.events import DeviceEvent, decode_event, encode_event
from device_agent.wire.pack import MAX_PAYLOAD_BYTES, MAX_RECORDS, Pack, TextReading
from device_agent.wire.senml import decode_pack, encode_pack
from device_agent.wire.state import DeviceState, SensorInfo, decode_state, encode_state
from device_agent.wire.topics import LEAVES, device_topic, parse_topic, valid_device_id

__all__ = [
    "LEAVES",
    "MAX_PAYLOAD_BYTES",
    "MAX_RECORDS",
    "Command",
    "CommandResult",
    "DeviceEvent",
    "DeviceState",
    "Pack",
    "SensorInfo",
    "TextReading",
    "WireError",
    "decode_command",
    "decode_event",
    "decode_pack",
    "decode_result",
    "decode_state",
    "device_topic",
    "encode_command",
    "encode_event",
    "encode_pack",
    "encode_result",
    "encode_state",
    "parse_topic",
    "valid_device_id",
]

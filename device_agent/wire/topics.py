"""MQTT topics: ``devices/{device_id}/{leaf}``.

>>> device_topic("pump-7", "telemetry")
'devices/pump-7/telemetry'
>>> parse_topic("devices/pump-7/state")
('pump-7', 'state')
"""

import re
from typing import Final

from device_agent.wire.errors import WireError

LEAVES: Final = ("telemetry", "state", "events", "commands", "results")

_DEVICE_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_ROOT: Final = "devices"


def valid_device_id(text: str) -> bool:
    """Tell whether ``text`` is a device id: 1 to 64 of ``A-Z a-z 0-9 _ -``."""
    return _DEVICE_ID.fullmatch(text) is not None


def device_topic(device_id: str, leaf: str) -> str:
    """Give the topic of one device's leaf; raises WireError for a wrong id or leaf."""
    if not valid_device_id(device_id):
        raise WireError("device_id", "must be 1 to 64 of A-Z a-z 0-9 _ -")
    if leaf not in LEAVES:
        raise WireError("topic", f"the last part must be one of {', '.join(LEAVES)}")
    return f"{_ROOT}/{device_id}/{leaf}"


def parse_topic(topic: str) -> tuple[str, str]:
    """Split a topic into (device_id, leaf); raises WireError for any other topic."""
    parts = topic.split("/")
    if len(parts) != 3 or parts[0] != _ROOT:
        raise WireError("topic", "is not devices/{device_id}/{leaf}")
    _, device_id, leaf = parts
    device_topic(device_id, leaf)
    return device_id, leaf

"""Packs made smaller for the wire: zlib's format (RFC 1950), known by its first byte, 0x78.

Neither a JSON array nor a CBOR array begins with it. A few bytes can inflate to gigabytes, so
inflating stops at the limit that a plain payload must keep.
"""

import zlib
from typing import Final

from device_agent.wire.errors import WireError
from device_agent.wire.pack import MAX_PAYLOAD_BYTES

_FIRST_BYTE: Final = b"\x78"
_LEVEL: Final = 6


def is_deflated(payload: bytes) -> bool:
    """Tell whether a telemetry payload is deflated."""
    return payload[:1] == _FIRST_BYTE


def deflate(payload: bytes) -> bytes:
    """Make a payload smaller; give it unchanged where that would make it larger."""
    small = zlib.compress(payload, _LEVEL)
    return small if len(small) < len(payload) else payload


def inflate(payload: bytes) -> bytes:
    """Give the payload as it was; raises WireError, also for one above ``MAX_PAYLOAD_BYTES``."""
    machine = zlib.decompressobj()
    try:
        plain = machine.decompress(payload, MAX_PAYLOAD_BYTES + 1)
    except zlib.error:
        raise WireError("payload", "is not sound zlib data") from None
    if len(plain) > MAX_PAYLOAD_BYTES:
        raise WireError("payload", f"inflates to more than {MAX_PAYLOAD_BYTES} bytes")
    if not machine.eof:
        raise WireError("payload", "is zlib data cut short")
    if machine.unused_data:
        raise WireError("payload", "has bytes after its end")
    return plain

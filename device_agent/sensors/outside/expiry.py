"""The end of a certificate's validity, straight from its DER bytes (RFC 5280, section 4.1).

Five steps through a fixed structure: the standard library has no public way to it for a file, and a
whole cryptography library would double the size of the agent. Nothing is trusted or verified here.
"""

from datetime import UTC, datetime
from typing import Final

from device_agent.errors import SensorError

_SEQUENCE: Final = 0x30
_VERSION: Final = 0xA0
_UTC_TIME: Final = 0x17
_GENERALIZED_TIME: Final = 0x18
_LONG_FORM: Final = 0x80
_MOST_LENGTH_BYTES: Final = 4
# Two-digit years from here on are the last century's (RFC 5280, 4.1.2.5.1).
_PIVOT: Final = 50


def not_after_s(der: bytes) -> float:
    """Give the last moment of validity (unix seconds); raises SensorError for anything else."""
    certificate = _inside(der, 0, _SEQUENCE)[0]
    fields = _inside(certificate, 0, _SEQUENCE)[0]
    at = 0
    if fields[:1] == bytes([_VERSION]):
        _, at = _inside(fields, 0, _VERSION)
    for _ in ("serial number", "signature algorithm", "issuer"):
        _, at = _inside(fields, at, None)
    validity, _ = _inside(fields, at, _SEQUENCE)
    _, at = _inside(validity, 0, None)
    tag = validity[at : at + 1]
    text, _ = _inside(validity, at, None)
    return _moment(tag[0], text)


def _inside(data: bytes, at: int, tag: int | None) -> tuple[bytes, int]:
    """Give the content of the element at a place, and where the next one begins."""
    if len(data) < at + 2:
        raise SensorError("is no certificate: it ends too early")
    if tag is not None and data[at] != tag:
        raise SensorError("is no certificate")
    length, begin = data[at + 1], at + 2
    if length & _LONG_FORM:
        count = length & ~_LONG_FORM
        if not 1 <= count <= _MOST_LENGTH_BYTES:
            raise SensorError("is no certificate: a length is out of range")
        length = int.from_bytes(data[begin : begin + count])
        begin += count
    end = begin + length
    if end > len(data):
        raise SensorError("is no certificate: it ends too early")
    return data[begin:end], end


def _moment(tag: int, text: bytes) -> float:
    digits = text.decode("ascii", errors="replace")
    if tag == _UTC_TIME:
        digits = ("19" if digits[:2] >= str(_PIVOT) else "20") + digits
    elif tag != _GENERALIZED_TIME:
        raise SensorError("is no certificate: its end is no time")
    try:
        return datetime.strptime(digits, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError:
        raise SensorError("is no certificate: its end is no time") from None

"""SLIP (RFC 1055): frames end with 0xC0; 0xC0 and 0xDB inside are escaped."""

END = 0xC0
ESC = 0xDB
_ESC_END = b"\xdb\xdc"
_ESC_ESC = b"\xdb\xdd"


class NotSlip(ValueError):
    """An escape that is none."""


def encode(raw: bytes) -> bytes:
    """Escape a frame; the ends are put around it, as the RFC advises, to flush line noise.

    >>> encode(b"a" + bytes([0xC0, 0xDB])).hex(" ")
    'c0 61 db dc db dd c0'
    """
    end = bytes([END])
    return end + raw.replace(b"\xdb", _ESC_ESC).replace(b"\xc0", _ESC_END) + end


def decode(escaped: bytes) -> bytes:
    """Undo the escapes of one frame without its ends; raises NotSlip.

    >>> decode(bytes.fromhex("61 db dc db dd")).hex(" ")
    '61 c0 db'
    """
    parts = escaped.split(b"\xdb")
    out = bytearray(parts[0])
    for part in parts[1:]:
        if part[:1] == b"\xdc":
            out.append(END)
        elif part[:1] == b"\xdd":
            out.append(ESC)
        else:
            raise NotSlip("an escape is followed by neither 0xDC nor 0xDD")
        out += part[1:]
    return bytes(out)

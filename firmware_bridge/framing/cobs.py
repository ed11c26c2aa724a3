"""Consistent overhead byte stuffing: a frame without the byte 0.

The C module of the ``bridge`` extra is used where it is installed, and this module alone does as well.
"""

from collections.abc import Callable

_LONG_RUN = 0xFF


class NotCobs(ValueError):
    """The bytes are not COBS; caught by every framer here."""


def encode_plain(raw: bytes) -> bytes:
    """Stuff any bytes; the result has no 0 and no delimiter.

    >>> encode_plain(bytes.fromhex("11 22 00 33")).hex(" ")
    '03 11 22 02 33'
    """
    out = bytearray()
    full = False
    for run in raw.split(b"\0"):
        start = 0
        while len(run) - start >= _LONG_RUN - 1:
            out.append(_LONG_RUN)
            out += run[start : start + _LONG_RUN - 1]
            start += _LONG_RUN - 1
        full = start > 0 and start == len(run)
        out.append(len(run) - start + 1)
        out += run[start:]
    if full:  # a full last run needs no empty one behind it
        out.pop()
    return bytes(out)


def decode_plain(coded: bytes) -> bytes:
    """Undo `encode_plain`; raises NotCobs.

    >>> decode_plain(bytes.fromhex("03 11 22 02 33")).hex(" ")
    '11 22 00 33'
    """
    if 0 in coded:
        raise NotCobs("a 0 inside")
    out = bytearray()
    at, end = 0, len(coded)
    while at < end:
        code = coded[at]
        following = at + code
        if following > end:
            raise NotCobs("a run points past the end")
        out += coded[at + 1 : following]
        at = following
        if code != _LONG_RUN and at < end:
            out.append(0)
    return bytes(out)


encode: Callable[[bytes], bytes] = encode_plain
decode: Callable[[bytes], bytes] = decode_plain
DECODE_ERRORS: tuple[type[Exception], ...] = (NotCobs,)
try:
    from cobs import cobs as _fast
except ImportError:
    pass
else:
    encode, decode = _fast.encode, _fast.decode
    DECODE_ERRORS = (NotCobs, _fast.DecodeError)

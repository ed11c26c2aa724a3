"""The two check sums on serial lines here."""

from binascii import crc_hqx


def crc16(data: bytes, register: int = 0xFFFF) -> int:
    """CRC-16/IBM-3740: polynomial 0x1021, first value 0xFFFF, not reflected.

    >>> hex(crc16(b"123456789"))
    '0x29b1'
    """
    return crc_hqx(data, register)


def nmea_sum(text: bytes) -> int:
    """Exclusive or of everything between ``$`` and ``*``.

    >>> hex(nmea_sum(b"GPGLL,5057.970,N,00146.110,E,142451,A"))
    '0x27'
    """
    total = 0
    for byte in text:
        total ^= byte
    return total

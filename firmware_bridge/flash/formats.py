"""What an image says of itself: Intel HEX (AVR), Espressif's application image, MCUboot's signed image.

Pure: bytes in, facts out, and for anything else `ImageRefused`. Sources: Intel's "Hexadecimal Object File Format
Specification", revision A; Espressif's esptool documentation, "Firmware Image Format"; MCUboot's design document,
"Image format".
"""

import hashlib
import re
import struct
from dataclasses import dataclass
from operator import itemgetter
from typing import Final

from firmware_bridge.errors import ImageRefused

_ROW: Final = re.compile(rb":(?:[0-9A-Fa-f]{2})+")
_ESP_MAGIC: Final = 0xE9
_ESP_HEADER: Final = struct.Struct("<BBBBIB3sHB2s4sB")
_ESP_SEGMENT: Final = struct.Struct("<II")
ESP_CHIPS: Final = {
    0: "esp32", 2: "esp32s2", 5: "esp32c3", 9: "esp32s3", 12: "esp32c2", 13: "esp32c6", 16: "esp32h2", 18: "esp32p4",
}  # fmt: skip
"""Chip ids of the header that esptool documents → names as esptool has them."""

_MCUBOOT_MAGIC: Final = 0x96F3B83D
_MCUBOOT_HEADER: Final = struct.Struct("<IIHHIIBBHI4x")
_TLV_INFO: Final = struct.Struct("<HH")
_TLV: Final = struct.Struct("<HH")
_TLV_PLAIN, _TLV_PROTECTED = 0x6907, 0x6908
_TLV_SHA256: Final = 0x10


@dataclass(frozen=True, slots=True)
class HexFacts:
    """What a HEX file fills: addresses from 0, and the bytes there (``first`` to ``end``, gaps as 0xFF)."""

    first: int
    end: int
    data: bytes


@dataclass(frozen=True, slots=True)
class EspFacts:
    """Which chip an application is for."""

    chip: str
    has_hash: bool


@dataclass(frozen=True, slots=True)
class McubootFacts:
    """Its version as MCUboot and SMP write it, and the hash by which SMP knows it (not that of the file)."""

    version: str
    hash: bytes


def read_hex(data: bytes, *, max_bytes: int = 1 << 18) -> HexFacts:
    """Read Intel HEX; every checksum is checked, an image without an end or beyond ``max_bytes`` is refused."""
    cells: dict[int, bytes] = {}
    base, ended = 0, False
    rows = ((number, line.strip()) for number, line in enumerate(data.split(b"\n"), 1))
    for number, row in filter(itemgetter(1), rows):
        if ended:
            raise ImageRefused(f"Intel HEX: line {number} comes after the end")
        kind, address, body = _record(row, number)
        if kind == 0:
            at = base + address
            if at + len(body) > max_bytes:
                raise ImageRefused(f"Intel HEX: line {number} lies beyond {max_bytes} bytes")
            if body:
                cells[at] = body
        elif kind == 1:
            ended = True
        elif kind in {2, 4} and len(body) == 2:
            base = int.from_bytes(body, "big") << (4 if kind == 2 else 16)
        elif kind not in {3, 5}:
            raise ImageRefused(f"Intel HEX: line {number} is of an unknown kind")
    if not ended or not cells:
        raise ImageRefused("Intel HEX: it has no end, or nothing in it: cut short?")
    return _filled(cells)


def read_esp(data: bytes) -> EspFacts:
    """Read the header of an application for ESP32 and its kin, and check its checksum and its own hash."""
    if len(data) < _ESP_HEADER.size or data[0] != _ESP_MAGIC:
        raise ImageRefused("no application image of Espressif: it does not begin with E9")
    fields = _ESP_HEADER.unpack_from(data)
    count, chip_id, has_hash = fields[1], fields[7], fields[11] == 1
    at, check = _ESP_HEADER.size, 0xEF
    for _ in range(count):
        if at + _ESP_SEGMENT.size > len(data):
            raise ImageRefused("application image: cut short in its segments")
        size = _ESP_SEGMENT.unpack_from(data, at)[1]
        body = data[at + _ESP_SEGMENT.size : at + _ESP_SEGMENT.size + size]
        if len(body) != size:
            raise ImageRefused("application image: cut short in a segment")
        check ^= _xor(body)
        at += _ESP_SEGMENT.size + size
    end = (at // 16 + 1) * 16
    if count == 0 or len(data) < end or data[end - 1] != check:
        raise ImageRefused("application image: its checksum is wrong")
    if has_hash and data[end : end + 32] != hashlib.sha256(data[:end]).digest():
        raise ImageRefused("application image: its own SHA-256 is wrong")
    if chip_id not in ESP_CHIPS:
        raise ImageRefused(
            f"application image: it is for a chip that is not known here ({chip_id})"
        )
    return EspFacts(ESP_CHIPS[chip_id], has_hash)


def read_mcuboot(data: bytes) -> McubootFacts:
    """Read an image signed for MCUboot (``imgtool sign``); its own hash is checked, its signature is the target's to check."""
    if len(data) < _MCUBOOT_HEADER.size:
        raise ImageRefused("no image for MCUboot: shorter than its header")
    magic, _, header, protected, size, _, major, minor, revision, build = (
        _MCUBOOT_HEADER.unpack_from(data)
    )
    if magic != _MCUBOOT_MAGIC or header < _MCUBOOT_HEADER.size:
        raise ImageRefused("no image for MCUboot: it does not begin with 3D B8 F3 96")
    at = header + size
    if protected:
        _tlvs(data, at, _TLV_PROTECTED, protected)
    hashed = at + protected
    found = _tlvs(data, hashed, _TLV_PLAIN).get(_TLV_SHA256)
    if found is None:
        raise ImageRefused("image for MCUboot: it carries no SHA-256 (not signed with imgtool?)")
    if found != hashlib.sha256(data[:hashed]).digest():
        raise ImageRefused("image for MCUboot: its own SHA-256 is wrong")
    tail = f".{build}" if build else ""
    return McubootFacts(f"{major}.{minor}.{revision}{tail}", found)


def _record(row: bytes, number: int) -> tuple[int, int, bytes]:
    if _ROW.fullmatch(row) is None:
        raise ImageRefused(f"no Intel HEX: line {number} is no record")
    raw = bytes.fromhex(row[1:].decode("ascii"))
    if len(raw) < 5 or len(raw) != raw[0] + 5 or sum(raw) % 256:
        raise ImageRefused(f"Intel HEX: line {number} is damaged")
    return raw[3], int.from_bytes(raw[1:3], "big"), raw[4:-1]


def _filled(cells: dict[int, bytes]) -> HexFacts:
    first, end = min(cells), max(at + len(body) for at, body in cells.items())
    whole, taken = bytearray(b"\xff" * (end - first)), bytearray(end - first)
    for at, body in cells.items():
        span = slice(at - first, at - first + len(body))
        if any(taken[span]):
            raise ImageRefused(f"Intel HEX: address {at:#x} is given twice")
        whole[span], taken[span] = body, b"\1" * len(body)
    return HexFacts(first, end, bytes(whole))


def _tlvs(data: bytes, at: int, magic: int, size: int | None = None) -> dict[int, bytes]:
    if at + _TLV_INFO.size > len(data):
        raise ImageRefused("image for MCUboot: cut short before its trailer")
    found_magic, total = _TLV_INFO.unpack_from(data, at)
    if found_magic != magic or total < _TLV_INFO.size or (size is not None and total != size):
        raise ImageRefused("image for MCUboot: its trailer is damaged")
    end, at, found = at + total, at + _TLV_INFO.size, {}
    if end > len(data):
        raise ImageRefused("image for MCUboot: cut short in its trailer")
    while at < end:
        if at + _TLV.size > end:
            raise ImageRefused("image for MCUboot: its trailer is damaged")
        kind, length = _TLV.unpack_from(data, at)
        at += _TLV.size + length
        if at > end:
            raise ImageRefused("image for MCUboot: its trailer is damaged")
        found[kind] = data[at - length : at]
    return found


def _xor(body: bytes) -> int:
    folded = int.from_bytes(body, "big")
    width = len(body)
    while width > 1:
        half = width // 2
        folded = (folded >> (8 * (width - half))) ^ (folded & ((1 << (8 * (width - half))) - 1))
        width -= half
    return folded & 0xFF

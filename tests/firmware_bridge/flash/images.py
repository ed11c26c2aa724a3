"""Images of each kind, made here: whole by the formats' own rules."""

from __future__ import annotations

import hashlib
import struct

from firmware_bridge.flash.avrdude import write_hex


def esp_image(chip_id: int = 0, size_bytes: int = 20_000, seed: int = 1) -> bytes:
    """An application for an ESP32 with one segment, its checksum and its hash."""
    body = bytes((n * 7 + n // 251 + seed) % 256 for n in range(size_bytes // 4 * 4))
    head = struct.pack("<BBBBIB3sHB2s4sB", 0xE9, 1, 2, 0x20, 0x40080000, 0xEE, b"\0" * 3, chip_id, 0, b"\0\0", b"\0" * 4, 1)  # fmt: skip
    data = head + struct.pack("<II", 0x3F400020, len(body)) + body
    check = 0xEF
    for byte in body:
        check ^= byte
    data += bytes(15 - len(data) % 16) + bytes([check])
    return data + hashlib.sha256(data).digest()


def mcuboot_image(
    version: str = "2.1.0", size_bytes: int = 5000, *, protected: bool = False
) -> bytes:
    """What `imgtool sign` makes, without a signature: header, body, SHA-256 in the trailer."""
    major, minor, revision = map(int, version.split("."))
    body = bytes((n * 5 + revision) % 256 for n in range(size_bytes))
    extra = struct.pack("<HHHH", 0x6908, 12, 0x50, 4) + b"\1\0\0\0" if protected else b""
    head = struct.pack("<IIHHIIBBHI4x", 0x96F3B83D, 0, 32, len(extra), size_bytes, 0, major, minor, revision, 0)  # fmt: skip
    hashed = head + body + extra
    return hashed + struct.pack("<HHHH", 0x6907, 40, 0x10, 32) + hashlib.sha256(hashed).digest()


def hex_image(size_bytes: int = 3000, seed: int = 1) -> bytes:
    """Intel HEX of so many bytes from address 0."""
    return write_hex(bytes((n * 3 + seed) % 251 for n in range(size_bytes)))

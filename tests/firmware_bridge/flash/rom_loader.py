"""An emulator of the serial boot loader in an ESP32's ROM, on a pseudo terminal: not a chip, its protocol only.

Written from Espressif's "Serial Protocol" page: SLIP frames, SYNC, READ_REG/WRITE_REG, SPI_ATTACH, SPI_SET_PARAMS,
FLASH_BEGIN/DATA/END plain and compressed, SPI_FLASH_MD5, CHANGE_BAUDRATE. Flash keeps its content over `power_cut`.
"""

from __future__ import annotations

import hashlib
import os
import struct
import threading
import tty
import zlib
from pathlib import Path
from typing import Self

FLASH_BYTES = 4 * 1024 * 1024
ESP32_MAGIC = 0x00F01D83
MAGIC_REGISTER = 0x40001000
SPI = 0x3FF42000
SPI_USR2, SPI_W0 = SPI + 0x24, SPI + 0x80
FLASH_ID = 0x16_40_20
"""4 MB, as RDID gives it: maker 20, type 40, size 2**0x16."""

SYNC, READ_REG, WRITE_REG = 0x08, 0x0A, 0x09
FLASH_BEGIN, FLASH_DATA, FLASH_END = 0x02, 0x03, 0x04
DEFL_BEGIN, DEFL_DATA, DEFL_END = 0x10, 0x11, 0x12
MD5, SET_PARAMS, ATTACH, BAUD = 0x13, 0x0B, 0x0D, 0x0F
UNKNOWN = 0x05
CHECKSUM_SEED = 0xEF


class RomLoader:
    """`with RomLoader(link) as rom:` answers at `link`; `rom.flash` is what was written."""

    def __init__(self, link: Path, *, magic: int = ESP32_MAGIC) -> None:
        self.link = link
        self.flash = bytearray(b"\xff" * FLASH_BYTES)
        self.resets = 0
        self.cut_after_blocks: int | None = None
        """Fall silent, as without power, after so many more blocks."""
        self.spoil_block: int | None = None
        """Write so many blocks more, then one wrongly."""
        self._magic = magic
        self._registers: dict[int, int] = {}
        self._at = 0
        self._inflate: zlib._Decompress | None = None
        self._buffer = bytearray()
        self._silent = False
        self._stopped = threading.Event()

    def __enter__(self) -> Self:
        self._master, slave = os.openpty()
        tty.setraw(slave)
        self.link.symlink_to(os.ttyname(slave))
        # Kept open, so that the master never sees the hang-up between two runs of esptool.
        self._slave = slave
        self._thread = threading.Thread(target=self._live, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stopped.set()
        os.write(self._slave, b"\xc0")  # wakes the reader
        self._thread.join(10)
        os.close(self._master)
        os.close(self._slave)
        self.link.unlink()

    def power_on(self) -> None:
        """Back after the cut: the flash as it was, the boot loader anew."""
        self._silent = False
        self._buffer.clear()
        self._inflate = None

    def _live(self) -> None:
        while not self._stopped.is_set():
            data = os.read(self._master, 4096)
            if self._silent:
                continue
            self._buffer += data
            while True:
                start = self._buffer.find(b"\xc0")
                end = self._buffer.find(b"\xc0", start + 1)
                if start < 0 or end < 0:
                    break
                frame = bytes(self._buffer[start + 1 : end])
                del self._buffer[: end if not frame else end + 1]
                if frame:
                    self._answer(frame.replace(b"\xdb\xdc", b"\xc0").replace(b"\xdb\xdd", b"\xdb"))

    def _answer(self, frame: bytes) -> None:
        if len(frame) < 8 or frame[0] != 0:
            return
        op, size = struct.unpack_from("<BH", frame, 1)
        (check,) = struct.unpack_from("<I", frame, 4)
        body = frame[8:]
        if len(body) != size:
            return
        value, data, error = self._do(op, body, check)
        if self._silent:
            return
        status = bytes([1, error, 0, 0]) if error else b"\0\0\0\0"
        said = struct.pack("<BBHI", 1, op, len(data) + 4, value) + data + status
        coded = said.replace(b"\xdb", b"\xdb\xdd").replace(b"\xc0", b"\xdb\xdc")
        for _ in range(8 if op == SYNC else 1):
            os.write(self._master, b"\xc0" + coded + b"\xc0")

    def _do(self, op: int, body: bytes, check: int) -> tuple[int, bytes, int]:
        if op == READ_REG:
            return self._register(struct.unpack("<I", body)[0]), b"", 0
        if op == WRITE_REG:
            address, value = struct.unpack_from("<II", body)
            self._registers[address] = value
        elif op in {FLASH_BEGIN, DEFL_BEGIN}:
            size, _, _, self._at = struct.unpack_from("<IIII", body)
            self.flash[self._at : self._at + size] = b"\xff" * size
            self._inflate = zlib.decompressobj() if op == DEFL_BEGIN else None
        elif op in {FLASH_DATA, DEFL_DATA}:
            return self._write(body, check)
        elif op in {FLASH_END, DEFL_END}:
            self.resets += body[:1] == b"\0"
        elif op == MD5:
            at, size = struct.unpack_from("<II", body)
            return 0, hashlib.md5(self.flash[at : at + size]).hexdigest().encode(), 0
        elif op not in {SYNC, SET_PARAMS, ATTACH, BAUD}:
            return 0, b"", UNKNOWN
        return 0, b"", 0

    def _register(self, address: int) -> int:
        if address == MAGIC_REGISTER:
            return self._magic
        if address == SPI_W0 and self._registers.get(SPI_USR2, 0) & 0xFF == 0x9F:
            return FLASH_ID
        # Commands to the flash are done as soon as they are given.
        return 0 if address == SPI else self._registers.get(address, 0)

    def _write(self, body: bytes, check: int) -> tuple[int, bytes, int]:
        (size,) = struct.unpack_from("<I", body)
        data = body[16 : 16 + size]
        found = CHECKSUM_SEED
        for byte in data:
            found ^= byte
        if found != check:
            return 0, b"", 0x07
        if self.cut_after_blocks is not None:
            self.cut_after_blocks -= 1
            if self.cut_after_blocks < 0:
                self.cut_after_blocks, self._silent = None, True
                return 0, b"", 0
        plain = self._inflate.decompress(data) if self._inflate else data
        if self.spoil_block is not None:
            self.spoil_block -= 1
            if self.spoil_block < 0:
                self.spoil_block, plain = None, bytes(byte ^ 1 for byte in plain)
        self.flash[self._at : self._at + len(plain)] = plain
        self._at += len(plain)
        return 0, b"", 0

"""An image of firmware on disk, known by its hash."""

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from firmware_bridge.errors import ImageRefused

MAX_IMAGE_BYTES: Final = 16 * 1024 * 1024
"""More than any flash that these flashers write; a configuration may ask for less."""

_SHA256: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Image:
    """A file that was read whole and had this hash. ``data`` is what was hashed, so it can't change behind our back."""

    path: Path
    sha256: str
    data: bytes

    @property
    def size_bytes(self) -> int:
        """Size of the file, which is not always what it takes in flash (Intel HEX is text)."""
        return len(self.data)


def load_image(path: Path, sha256: str, *, max_bytes: int = MAX_IMAGE_BYTES) -> Image:
    """Read an image; raises ImageRefused unless it is of this hash and within the size. An empty hash takes any."""
    if sha256 and not is_sha256(sha256):
        raise ImageRefused("sha256 must be 64 of 0-9 a-f")
    try:
        with path.open("rb") as file:
            data = file.read(max_bytes + 1)
    except OSError as error:
        raise ImageRefused(f"{path} can't be read: {error.strerror}") from None
    if not data:
        raise ImageRefused(f"{path} is empty")
    if len(data) > max_bytes:
        raise ImageRefused(f"{path} is larger than {max_bytes} bytes")
    found = hashlib.sha256(data).hexdigest()
    if sha256 and found != sha256:
        raise ImageRefused(f"{path} is not the image asked for: its SHA-256 is {found}")
    return Image(path, found, data)


def is_sha256(text: str) -> bool:
    """Tell whether a text is a SHA-256 as it is written here: 64 small hexadecimal digits."""
    return _SHA256.fullmatch(text) is not None


def keep(path: Path, data: bytes) -> None:
    """Write a file so that after a power cut it is there whole or not at all."""
    part = path.with_name(f"{path.name}.part")
    with part.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)

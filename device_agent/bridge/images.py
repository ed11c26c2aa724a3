"""Images of firmware by their SHA-256: out of a folder, or from a server as this device.

Whoever asks for an update gives the hash alone. Where images come from stands in the configuration, so that a command
can't point this device anywhere else; and what comes is only used if it has that hash.
"""

import base64
import hashlib
import http.client
import shutil
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from device_agent.errors import CommandError
from device_agent.wire.text import clean
from firmware_bridge.flash.image import Image, is_sha256, load_image

_TIMEOUT_S: Final = 30.0
_PIECE_BYTES: Final = 65_536


@dataclass(frozen=True, slots=True)
class Identity:
    """Who asks the server: this device, by the credentials that it has for the broker."""

    user: str = ""
    password: str = ""
    ca_file: str = ""


def fetch_image(
    source: str,
    sha256: str,
    into: Path,
    *,
    max_bytes: int,
    identity: Identity,
    stop: Callable[[], bool] = lambda: False,
) -> Image:
    """Bring an image into ``into``; raises CommandError, or ImageRefused where it is not of this hash or too large."""
    assert is_sha256(sha256)
    into.parent.mkdir(parents=True, exist_ok=True)
    try:
        if source.startswith("/"):
            image = load_image(_in_folder(Path(source), sha256), sha256, max_bytes=max_bytes)
            shutil.copyfile(image.path, into)
        else:
            into.write_bytes(_download(source, sha256, max_bytes, identity, stop))
    except OSError as error:
        raise CommandError(f"the image can't be kept: {error.strerror or error}") from None
    return load_image(into, sha256, max_bytes=max_bytes)


def _in_folder(folder: Path, sha256: str) -> Path:
    """Give the file that is named by its hash, with any ending."""
    found = sorted(folder.glob(f"{sha256}*"))
    if not found:
        raise CommandError(f"{folder} has no image of this hash")
    return found[0]


def _download(
    source: str, sha256: str, max_bytes: int, identity: Identity, stop: Callable[[], bool]
) -> bytes:
    connection, path = _connection(source, identity.ca_file)
    pair = base64.b64encode(f"{identity.user}:{identity.password}".encode()).decode()
    try:
        connection.request("GET", f"{path}/{sha256}", headers={"Authorization": f"Basic {pair}"})
        answer = connection.getresponse()
        if answer.status != http.client.OK:
            raise CommandError(f"the server gives no image: {answer.status} {clean(answer.reason)}")
        data = bytearray()
        while piece := answer.read(_PIECE_BYTES):
            data += piece
            if len(data) > max_bytes:
                raise CommandError(f"the image is larger than {max_bytes} bytes")
            if stop():
                raise CommandError("the agent ends")
    except ssl.SSLCertVerificationError as error:
        said = clean(error.verify_message)
        raise CommandError(f"the server's certificate is not trusted: {said}") from None
    except (OSError, http.client.HTTPException) as error:
        raise CommandError(f"the image can't be fetched: {clean(str(error), 200)}") from None
    finally:
        connection.close()
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise CommandError(f"the server gave something else: its SHA-256 is {found}")
    return bytes(data)


def _connection(source: str, ca_file: str) -> tuple[http.client.HTTPConnection, str]:
    try:
        parts = urlsplit(source)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise CommandError(f"images: makes no sense: {error}") from None
    if parts.scheme not in {"http", "https"} or not host:
        raise CommandError("images: must be a folder, http://… or https://…")
    path = parts.path.rstrip("/")
    if parts.scheme == "http":
        return http.client.HTTPConnection(host, port, timeout=_TIMEOUT_S), path
    context = ssl.create_default_context(cafile=ca_file or None)
    return http.client.HTTPSConnection(host, port, timeout=_TIMEOUT_S, context=context), path

"""Short-lived secrets for tools that act as a device on record (`forewarn replay`), without its own.

A secret says until when it holds and proves it with a key that lies in the data directory, apart from
the records: neither a copy of the records alone nor the key alone is enough to make one. It ends with
the device's own secret: rotating or revoking that ends it too.
"""

from __future__ import annotations

import base64
import hmac
import os
import secrets
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Final, Self

from sqlalchemy.orm import Session

from server.device import repository
from server.kit.errors import NotFound

_PREFIX: Final = "temporary"
_KEY_FILE: Final = "temporary.key"
_KEY_BYTES: Final = 32


class TemporarySecrets:
    """Mints and checks them; whoever has the key can do both."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    @classmethod
    def of(cls, data_dir: Path) -> Self:
        """With the data directory's key, which is made when first needed."""
        file = data_dir / _KEY_FILE
        if not file.exists():
            # Complete or absent: whoever loses the race reads the winner's.
            fresh = data_dir / f".{_KEY_FILE}.{secrets.token_hex(8)}"
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as written:
                written.write(secrets.token_bytes(_KEY_BYTES))
            try:
                os.link(fresh, file)
            except FileExistsError:
                pass
            finally:
                fresh.unlink()
        return cls(file.read_bytes())

    def mint(self, session: Session, device_id: str, *, expires: datetime) -> str:
        """A secret of an active device; raises NotFound for any other."""
        secret_hash = repository.secret_hash(session, device_id)
        if secret_hash is None:
            raise NotFound(f"there is no device {device_id}, or it is revoked")
        until_s = int(expires.timestamp())
        return f"{_PREFIX}.{until_s}.{self._proof(device_id, until_s, secret_hash)}"

    def opens(self, session: Session, device_id: str, secret: str, *, now: datetime) -> bool:
        """Whether this is a secret of ours, of this device, that still holds."""
        prefix, _, rest = secret.partition(".")
        until, _, proof = rest.partition(".")
        if prefix != _PREFIX or not (until.isascii() and until.isdigit() and len(until) < 12):
            return False
        secret_hash = repository.secret_hash(session, device_id)
        if secret_hash is None or now.timestamp() >= int(until):
            return False
        right = self._proof(device_id, int(until), secret_hash)
        return hmac.compare_digest(right.encode(), proof.encode("utf-8", "replace"))

    def _proof(self, device_id: str, until_s: int, secret_hash: str) -> str:
        text = f"{_PREFIX}\n{device_id}\n{until_s}\n{secret_hash}"
        digest = hmac.new(self._key, text.encode(), sha256).digest()
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")

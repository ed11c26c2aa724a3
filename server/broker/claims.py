"""The small part of NATS's JWT that the auth callout needs, and the account key that signs it.

A token is `base64url(header).base64url(claims).base64url(ed25519 signature)` without padding; issuers
are nkeys (base32 with a type prefix and a checksum). NATS: "JWT, alg ed25519-nkey", claims version 2.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
import secrets
from pathlib import Path
from typing import Any, Final

import nacl.exceptions
import nacl.signing
import nkeys

_HEADER: Final = {"typ": "JWT", "alg": "ed25519-nkey"}
_RAW_KEY_BYTES: Final = 32


class ClaimsError(ValueError):
    """A token that is malformed, or not signed by the one who says so."""


class SigningKey:
    """An nkey pair; `seed` is the secret, `public` the name others know it by."""

    def __init__(self, seed: str) -> None:
        self._pair = nkeys.from_seed(bytearray(seed.encode()))
        self.seed = seed
        self.public: str = self._pair.public_key.decode().rstrip("=")

    @classmethod
    def generate(cls, prefix: int) -> SigningKey:
        """A new pair; `prefix` is one of nkeys.PREFIX_BYTE_…"""
        return cls(nkeys.encode_seed(secrets.token_bytes(_RAW_KEY_BYTES), prefix).decode())

    def sign(self, message: bytes) -> bytes:
        signature: bytes = self._pair.sign(message)
        return signature


def load_or_create_key(path: Path, prefix: int) -> SigningKey:
    """The key kept at `path` (mode 0600), made on first use; what devices were told stays true."""
    try:
        return SigningKey(path.read_text().strip())
    except FileNotFoundError:
        key = SigningKey.generate(prefix)
        partial = path.with_suffix(".new")
        partial.unlink(missing_ok=True)
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(key.seed)
            file.flush()
            os.fsync(file.fileno())
        partial.rename(path)
        return key


def encode(claims: dict[str, Any], key: SigningKey, *, issued_at_s: float) -> str:
    """`claims` signed by `key`; `iss`, `iat` and `jti` are added."""
    body = {**claims, "iss": key.public, "iat": int(issued_at_s)}
    digest = hashlib.sha256(_json(body)).digest()
    body["jti"] = base64.b32encode(digest).decode().rstrip("=")
    signed = f"{_b64(_json(_HEADER))}.{_b64(_json(body))}"
    return f"{signed}.{_b64(key.sign(signed.encode()))}"


def decode(token: bytes | str) -> dict[str, Any]:
    """The claims of a token whose signature fits its own `iss`.

    Raises ClaimsError, and only that, for anything else. Whether `iss` is to be trusted is the
    caller's question.
    """
    text = token.decode("ascii", "replace") if isinstance(token, bytes) else token
    try:
        header_part, claims_part, signature_part = text.split(".")
        header = json.loads(_unb64(header_part))
        claims = json.loads(_unb64(claims_part))
        signature = _unb64(signature_part)
    except (
        ValueError,
        RecursionError,
    ) as error:  # binascii, JSON and Unicode errors are ValueErrors
        raise ClaimsError("not a signed token") from error
    if not isinstance(header, dict) or header.get("alg") != _HEADER["alg"]:
        raise ClaimsError("signed in a way that NATS does not use")
    if not isinstance(claims, dict) or not isinstance(claims.get("iss"), str):
        raise ClaimsError("names no issuer")
    try:
        nacl.signing.VerifyKey(_raw_public(claims["iss"])).verify(
            f"{header_part}.{claims_part}".encode(), signature
        )
    except (nacl.exceptions.CryptoError, ValueError, TypeError) as error:
        raise ClaimsError("signature does not fit its issuer") from error
    return claims


def _raw_public(nkey: str) -> bytes:
    """The 32 key bytes of an encoded public nkey (prefix byte, key, 2 bytes of checksum)."""
    try:
        decoded = base64.b32decode(nkey + "=" * (-len(nkey) % 8))
    except binascii.Error as error:
        raise ClaimsError("issuer is not an nkey") from error
    if len(decoded) != 1 + _RAW_KEY_BYTES + 2:
        raise ClaimsError("issuer is not an nkey")
    return decoded[1:-2]


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":"), sort_keys=True).encode()


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _unb64(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)

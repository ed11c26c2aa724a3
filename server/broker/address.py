"""Where a broker is: `mqtt://user:password@host:port`, or `mqtts://…` for TLS."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote, urlsplit

from server.kit.errors import ConfigurationError

_PORTS: Final = {"mqtt": 1883, "mqtts": 8883}
_FORM: Final = "write mqtt://user:password@host:1883, or mqtts:// for TLS"


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """A broker that is not ours, and how we sign in there."""

    host: str
    port: int
    tls: bool
    username: str = ""
    password: str = field(default="", repr=False)
    ca_file: str | None = None
    """Whom to trust; None: the system's authorities."""
    mqtt_5: bool = True
    """Speak MQTT 5; 3.1.1 otherwise."""

    @property
    def url(self) -> str:
        """Without our credentials: fit for logs and for devices."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"mqtt{'s' if self.tls else ''}://{host}:{self.port}"

    def tls_context(self) -> ssl.SSLContext | None:
        """None for a plain connection. Raises ConfigurationError for a CA file that can't be used."""
        if not self.tls:
            return None
        try:
            return ssl.create_default_context(cafile=self.ca_file)
        except OSError as error:  # ssl.SSLError is one
            raise ConfigurationError(f"mqtt_ca_file: {self.ca_file}: {error}") from error


def parse_address(url: str, *, ca_file: str | None = None, mqtt_5: bool = True) -> BrokerAddress:
    """Raises ConfigurationError, which does not repeat the password.

    >>> parse_address("mqtts://forewarn:s%40crt@broker.example").url
    'mqtts://broker.example:8883'
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ConfigurationError(f"mqtt_url: {error}; {_FORM}") from error
    if parts.scheme not in _PORTS or not parts.hostname or parts.path.strip("/") or parts.query:
        raise ConfigurationError(f"mqtt_url: is not a broker's address; {_FORM}")
    if parts.password is not None and not parts.username:
        raise ConfigurationError(f"mqtt_url: has a password without a user; {_FORM}")
    return BrokerAddress(
        host=parts.hostname,
        port=_PORTS[parts.scheme] if port is None else port,
        tls=parts.scheme == "mqtts",
        username=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        ca_file=ca_file,
        mqtt_5=mqtt_5,
    )

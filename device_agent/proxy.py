"""The proxy between this device and its broker, as one setting."""

from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlsplit

# PySocks' numbers; the library itself is needed only where a proxy is configured.
KINDS: Final = {"socks4": 1, "socks5": 2, "http": 3}


@dataclass(frozen=True, slots=True)
class Proxy:
    """Where it is, and what it wants to be told (empty: nothing); ``kind`` is PySocks' number."""

    kind: int
    host: str
    port: int
    username: str
    password: str


def parse_proxy(given: str) -> Proxy:
    """Understand ``kind://[user:password@]host:port``; raises ValueError without showing the password.

    >>> parse_proxy("socks5://me:a%40b@gate:1080")
    Proxy(kind=2, host='gate', port=1080, username='me', password='a@b')
    """
    try:
        url = urlsplit(given)
        host, port = url.hostname, url.port
    except ValueError:
        url, host, port = urlsplit(""), None, None
    if not host or not port or url.scheme not in KINDS or url.path or url.query or url.fragment:
        raise ValueError("must be socks5://host:port, socks4://host:port or http://host:port")
    username, password = unquote(url.username or ""), unquote(url.password or "")
    return Proxy(KINDS[url.scheme], host, port, username, password)


def proxy_fault(given: str) -> str:
    """Say what is wrong with the setting; empty if nothing is."""
    try:
        if given:
            parse_proxy(given)
    except ValueError as error:
        return str(error)
    return ""

"""The other way round: the device makes up a code and shows it; a person types it at the server."""

import importlib
import io
import secrets
from collections.abc import Callable
from typing import Any, Final

from device_agent.enroll.exchange import Credentials, NotYet, exchange
from device_agent.errors import EnrolError

# No 0 O 1 I L: read from a screen, typed by hand.
_ALPHABET: Final = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
_GROUPS: Final = 4
_ASK_EVERY_S: Final = 10.0


def new_code() -> str:
    """Give a code of 79 random bits, in groups of four."""
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(4)) for _ in range(_GROUPS))


def picture(text: str) -> str:
    """Give a QR code to print, where the package `segno` is there; else nothing."""
    try:
        segno: Any = importlib.import_module("segno")
    except ImportError:
        return ""
    lines = io.StringIO()
    segno.make(text, error="m").terminal(out=lines, compact=True)
    return lines.getvalue()


def wait_for_claim(
    server_url: str,
    code: str,
    *,
    ca_file: str,
    patience_s: float,
    monotonic: Callable[[], float],
    sleep: Callable[[float], None],
) -> Credentials:
    """Ask until somebody has entered the code; raises EnrolError when nobody does in time."""
    until_s = monotonic() + patience_s
    while True:
        try:
            return exchange(server_url, code, ca_file=ca_file)
        except NotYet:
            left_s = until_s - monotonic()
            if left_s <= 0:
                raise EnrolError("nobody has entered the code in time") from None
            sleep(min(_ASK_EVERY_S, left_s))

"""Slows the guessing of passwords: few tries per person and place, more per person, most per place.

Kept in memory, one per web process: a restart forgives, and with N processes an attacker has N times
the tries, which is still few against argon2 and a minimum length. Persisting it would let a failed
sign-in write to the records, which is what an attacker with many requests wants.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from datetime import datetime
from ipaddress import IPv6Address, ip_address

from server.kit.errors import TooManyRequests

WINDOW_S = 300.0
TRIES_PER_ACCOUNT_AND_ADDRESS = 5
TRIES_PER_ACCOUNT = 25
# Many people may share one address: an office, a proxy.
TRIES_PER_ADDRESS = 100
MAX_KEYS = 20_000
"""Keys remembered; the longest untouched is forgotten first, so that memory stays bounded."""

Key = tuple[str, str]


class SignInLimiter:
    """One per web process, at `app.state.sign_in_limiter`; safe to call from several threads."""

    def __init__(self) -> None:
        self._tries: OrderedDict[Key, list[float]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, account: str, client_address: str, *, now: datetime) -> None:
        """Count a try before its password is checked; raises TooManyRequests when used up."""
        now_s = now.timestamp()
        with self._lock:
            wait_s = 0.0
            recent: dict[Key, list[float]] = {}
            for key, allowed in _keys(account, client_address):
                times_s = [t for t in self._tries.get(key, ()) if now_s - WINDOW_S < t <= now_s]
                recent[key] = times_s
                if len(times_s) >= allowed:
                    wait_s = max(wait_s, times_s[-allowed] + WINDOW_S - now_s)
            if wait_s > 0:
                raise TooManyRequests(
                    f"too many tries to sign in; try again in {max(1, round(wait_s / 60))} min",
                    retry_after_s=wait_s,
                )
            for key, times_s in recent.items():
                self._tries[key] = [*times_s, now_s]
                self._tries.move_to_end(key)
            while len(self._tries) > MAX_KEYS:
                self._tries.popitem(last=False)

    def forgive(self, account: str, client_address: str) -> None:
        """The try was right: give it back, and the person's earlier slips from this place."""
        with self._lock:
            for index, (key, _allowed) in enumerate(_keys(account, client_address)):
                if index == 0:
                    self._tries.pop(key, None)
                elif times_s := self._tries.get(key):
                    times_s.pop()


def _keys(account: str, client_address: str) -> tuple[tuple[Key, int], ...]:
    place = place_of(client_address)
    return (
        ((account, place), TRIES_PER_ACCOUNT_AND_ADDRESS),
        ((account, ""), TRIES_PER_ACCOUNT),
        (("", place), TRIES_PER_ADDRESS),
    )


def place_of(client_address: str) -> str:
    """One household's IPv6 addresses count as one: its /64 network."""
    try:
        address = ip_address(client_address.partition("%")[0])
    except ValueError:
        return client_address
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return f"{IPv6Address(int(address) >> 64 << 64)}/64"
    return str(address)

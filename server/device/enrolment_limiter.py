"""How often one place may try tokens: enough for three devices that wait for their claim at once."""

from __future__ import annotations

import threading
from collections import OrderedDict
from datetime import datetime
from typing import Final

from server.account.limiter import place_of
from server.kit.errors import TooManyRequests

WINDOW_S: Final = 300.0
TRIES: Final = 120
_MAX_PLACES: Final = 20_000


class EnrolmentLimiter:
    """One per web process, at `app.state.enrolment_limiter`; safe to call from several threads."""

    def __init__(self) -> None:
        self._tries: OrderedDict[str, list[float]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, client_address: str, *, now: datetime) -> None:
        """Count a try before the token is looked at; raises TooManyRequests when used up."""
        now_s = now.timestamp()
        place = place_of(client_address)
        with self._lock:
            recent = [t for t in self._tries.get(place, ()) if t > now_s - WINDOW_S]
            if len(recent) >= TRIES:
                wait_s = recent[-TRIES] + WINDOW_S - now_s
                raise TooManyRequests("too many tries to enrol", retry_after_s=wait_s)
            self._tries[place] = [*recent, now_s]
            self._tries.move_to_end(place)
            while len(self._tries) > _MAX_PLACES:
                self._tries.popitem(last=False)

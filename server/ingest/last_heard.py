"""When devices were last heard, as far as that is news: a row of each device with each batch is not."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime

from server.kit.clock import from_unix

SEEN_WITHIN_S = 5.0
"""How exactly the records know when a device was last heard."""


class LastHeard:
    """One per pipeline."""

    def __init__(self) -> None:
        self._noted_s: dict[str, float] = {}

    def news(self, seen_s: Mapping[str, float]) -> dict[str, datetime]:
        """Those of `seen_s` (device to Unix seconds) worth writing down; they are taken as written."""
        noted, never = self._noted_s, -math.inf
        news = {d: t for d, t in seen_s.items() if not 0 <= t - noted.get(d, never) < SEEN_WITHIN_S}
        noted.update(news)
        return {device_id: from_unix(time_s) for device_id, time_s in news.items()}

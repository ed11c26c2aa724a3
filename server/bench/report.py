"""What came of a load: counts and times, as the devices saw them."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

_PERCENTILES = (50, 95, 99, 100)


@dataclass(slots=True)
class Report:
    """Filled in while the fleet runs; `as_json` at its end."""

    devices: int
    pack_samples: int
    connected_s: float | None = None
    """From the first connection's start until every device was let in."""
    storms: int = 0
    storm_s: float | None = None
    """From the drop of all connections until every device was let in again."""
    sent: int = 0
    acknowledged: int = 0
    resent: int = 0
    unacknowledged: int = 0
    owed: int = 0
    """Packs that were due and never sent."""
    reconnects: int = 0
    refused: int = 0
    publishing_s: float = 0.0
    drained_s: float = 0.0
    cpu_s: float = 0.0
    puback_ms: array[float] = field(default_factory=lambda: array("f"))
    connect_ms: array[float] = field(default_factory=lambda: array("f"))

    @property
    def complete(self) -> bool:
        """Every device was let in, and is back after a storm; every pack that
        was due is acknowledged.
        """
        back = self.storm_s is not None or not self.storms
        return self.connected_s is not None and back and not (self.unacknowledged or self.owed)

    def as_json(self) -> dict[str, Any]:
        elapsed_s = self.publishing_s + self.drained_s
        packs_per_s = self.acknowledged / elapsed_s if elapsed_s else 0.0
        return {
            "devices": self.devices,
            "pack_samples": self.pack_samples,
            "connected_s": _rounded(self.connected_s),
            "storm_s": _rounded(self.storm_s),
            "packs_sent": self.sent,
            "packs_acknowledged": self.acknowledged,
            "packs_resent": self.resent,
            "packs_unacknowledged": self.unacknowledged,
            "packs_never_sent": self.owed,
            "samples_acknowledged": self.acknowledged * self.pack_samples,
            "packs_per_s": round(packs_per_s, 1),
            "samples_per_s": round(packs_per_s * self.pack_samples),
            "puback_ms": _percentiles(self.puback_ms),
            "connect_ms": _percentiles(self.connect_ms),
            "reconnects": self.reconnects,
            "refused": self.refused,
            "publishing_s": round(self.publishing_s, 2),
            "drained_s": round(self.drained_s, 2),
            "cpu_share": round(self.cpu_s / elapsed_s, 3) if elapsed_s else 0.0,
        }


def _percentiles(values: Sequence[float]) -> dict[str, float]:
    if not values:
        return {}
    found = np.percentile(np.asarray(values), _PERCENTILES)
    names = [f"p{share}" if share < 100 else "max" for share in _PERCENTILES]
    return {name: round(float(value), 1) for name, value in zip(names, found, strict=True)}


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 2)

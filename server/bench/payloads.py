"""Packs that cost next to nothing to make: bodies made once, times and numbers put before them.

A pack's records carry times relative to its base time, so that the same body serves at any moment:
`bt` is the time of the pack's newest sample. Values wander around a level of their own per metric;
devices begin at different bodies.
"""

from __future__ import annotations

import json
from typing import Final

import numpy as np

BODIES: Final = 64
UNIT: Final = "Cel"
NOISE: Final = 0.5


class PayloadMaker:
    """Same seed, same values."""

    def __init__(
        self, *, pack_samples: int, metrics: int, interval_s: float, boot: str, seed: int = 1
    ) -> None:
        """`interval_s` lies between two samples of one metric."""
        self.metrics = min(metrics, pack_samples)
        self.times = pack_samples // self.metrics
        self.span_s = interval_s * self.times
        """One pack follows another of the same device no sooner than this."""
        self._boot = boot
        random = np.random.default_rng(seed)
        values = self._level() + random.normal(0, NOISE, (BODIES, self.times, self.metrics))
        self._bodies = [self._body(one.round(3), interval_s) for one in values]

    def _level(self) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        return 20.0 + 3.0 * np.arange(self.metrics, dtype=np.float64)

    def _body(
        self, values: np.ndarray[tuple[int, ...], np.dtype[np.float64]], interval_s: float
    ) -> bytes:
        """Records without the opening of the first, which `payload` writes."""
        records = [
            {
                "n": f"part/{column}",
                "u": UNIT,
                "v": float(values[row, column]),
                "t": round((row + 1 - self.times) * interval_s, 6),
            }
            for row in range(self.times)
            for column in range(self.metrics)
        ]
        return json.dumps(records, separators=(",", ":")).encode()[2:]

    def payload(self, device_number: int, seq: int, newest_s: float) -> bytes:
        """SenML in JSON: pack `seq` of a device, its newest samples at `newest_s`."""
        head = f'[{{"bt":{newest_s:.6f},"boot":"{self._boot}","seq":{seq},'.encode()
        return head + self._bodies[(device_number + seq) % BODIES]

"""A series as SVG polylines in a 100 by 30 box: a curve for readers without scripts."""

from __future__ import annotations

import numpy as np

from server.telemetry.samples import Buckets

WIDTH, HEIGHT = 100.0, 30.0
GAP_STEPS = 4.0
"""A hole longer than so many typical steps ends a line."""


def polylines(buckets: Buckets, *, from_s: float, to_s: float) -> list[str]:
    """`points` attributes, one per unbroken stretch; empty without data."""
    times_s, values = buckets.times_s, buckets.mean
    if len(times_s) < 2:
        return []
    low, high = float(np.min(values)), float(np.max(values))
    spread = (high - low) or 1.0
    x = (times_s - from_s) / (to_s - from_s) * WIDTH
    y = HEIGHT - 1.5 - (values - low) / spread * (HEIGHT - 3.0)
    if high == low:
        y = np.full_like(y, HEIGHT / 2)
    steps = np.diff(times_s)
    breaks = np.flatnonzero(steps > GAP_STEPS * float(np.median(steps))) + 1
    return [
        " ".join(f"{a:.2f},{b:.2f}" for a, b in zip(xs, ys, strict=True))
        for xs, ys in zip(np.split(x, breaks), np.split(y, breaks), strict=True)
    ]

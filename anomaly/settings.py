"""The engine's settings: frozen, checked on creation; an error prints the accepted range.

One fixed set of defaults serves every device. `false_alarms_per_device_day` is the knob for an
operator; the others say how long the engine learns and how it treats time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from anomaly.errors import SettingsError

# name -> lowest and highest accepted value, both included
RANGES: dict[str, tuple[float, float]] = {
    "false_alarms_per_device_day": (1e-5, 1000.0),
    "settle_samples": (16, 1_000_000),
    "commission_samples": (16, 1_000_000),
    "commission_span_s": (0.0, 60 * 86400.0),
    "demand_span_s": (0.0, 60 * 86400.0),
    "experienced_span_s": (60.0, 400 * 86400.0),
    "profile_span_s": (86400.0, 60 * 86400.0),
    "restart_gap_s": (1.0, 400 * 86400.0),
    "silence_s": (0.1, 30 * 86400.0),
    "silence_intervals": (2.0, 10_000.0),
    "live_within_s": (1.0, 7 * 86400.0),
}

CAUTION_PER_DECADE = 0.4


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """How cautious the engine is and how long it learns; durations in seconds of sample time."""

    false_alarms_per_device_day: float = 1 / 90
    """Budget of false alarm episodes; scales bands and the time a deviation must persist."""
    settle_samples: int = 180
    """Samples that a series gives, after any start, before its level is judged at all."""
    commission_samples: int = 3600
    """So many samples show how a series behaves …"""
    commission_span_s: float = 2 * 86400.0
    """… or so much time, whichever comes first; from then on a restart only has to settle."""
    demand_span_s: float = 3 * 86400.0
    """Measures of use (load, traffic, light) follow people and need so much time in any case."""
    experienced_span_s: float = 7.5 * 86400.0
    """From this span on the engine has seen a week and some, and acts faster."""
    profile_span_s: float = 2 * 86400.0
    """Whole days which a time-of-day profile is learned from."""
    restart_gap_s: float = 3600.0
    """A gap longer than this and than everything seen before starts a new session."""
    silence_s: float = 120.0
    """A device or series is never called silent sooner than this."""
    silence_intervals: float = 10.0
    """… nor before this many of its usual intervals."""
    live_within_s: float = 600.0
    """A sample counts as live when it arrives within this time of being taken."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            low, high = RANGES[field.name]
            number = isinstance(value, (int, float)) and not isinstance(value, bool)
            if not number or not math.isfinite(value) or not low <= value <= high:
                raise SettingsError(f"{field.name} must be {low:g}..{high:g}, got {value!r}")

    @property
    def caution(self) -> float:
        """Factor on bands and persistence: 1 at the default budget, more for a smaller one."""
        return self.caution_for(0)

    def caution_for(self, metrics: int) -> float:
        """The factor for a device of so many metrics, which share its budget."""
        # A device of several has half for its metrics, half for what they do together.
        shares = 2 * metrics if metrics > 1 else 1
        decades = math.log10((1 / 90) / self.false_alarms_per_device_day * shares)
        return min(2.5, max(0.5, 1.0 + CAUTION_PER_DECADE * decades))

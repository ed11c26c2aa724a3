"""How long raw samples are kept, by metric. Rollups tell of the time before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Final

DAY_S: Final = 86_400
MAX_DAYS: Final = 36_500


@dataclass(frozen=True, slots=True)
class Retention:
    """`by_metric`: pattern of metric names (`vibration/*`) → days; the first that fits decides.

    days, minutes_days : 0 < days ≤ 36,500; raw samples and one-minute rollups; hours and days stay
    """

    days: float = 365.0
    by_metric: Mapping[str, float] = field(default_factory=dict)
    minutes_days: float = 730.0

    def __post_init__(self) -> None:
        given = {"days": self.days, "minutes_days": self.minutes_days, **self.by_metric}
        for name, days in given.items():
            if not 0 < days <= MAX_DAYS:
                raise ValueError(f"{name}: days must be more than 0 and at most {MAX_DAYS}")

    def seconds(self, metric: str) -> int:
        """Whole seconds for which raw samples of `metric` are kept."""
        for pattern, days in self.by_metric.items():
            if fnmatchcase(metric, pattern):
                return max(1, round(days * DAY_S))
        return max(1, round(self.days * DAY_S))

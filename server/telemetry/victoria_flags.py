"""How VictoriaMetrics has to be started for us, and what to say where it was not."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

_DAYS: Final = {"h": 1 / 24, "d": 1.0, "w": 7.0, "y": 365.0}
_DAYS_A_MONTH: Final = 31.0
_PERIOD: Final = re.compile(r"([0-9.]+)([hdwy]?)")


def complaints(flags: Mapping[str, str], kept_days: float) -> list[str]:
    """A sentence for each flag that loses samples; empty where all is well.

    `kept_days` : how long the settings say that samples are kept
    """
    found = []
    interval = flags.get("dedup.minScrapeInterval", "")
    if interval not in {"1ms", "1"}:
        found.append(
            f"it runs with -dedup.minScrapeInterval={interval or '0'}; start it with 1ms, so that a "
            "sample sent twice counts once and none is thinned out"
        )
    days = retention_days(flags.get("retentionPeriod", ""))
    if days is not None and days < kept_days:
        found.append(
            f"it forgets after {days:g} days, telemetry_retention_days says {kept_days:g}; raise its "
            "-retentionPeriod: older samples are dropped by it without a word"
        )
    return found


def retention_days(period: str) -> float | None:
    """-retentionPeriod in days; a bare number is months. None where it can't be read."""
    matched = _PERIOD.fullmatch(period.strip())
    if not matched:
        return None
    number, unit = matched.groups()
    try:
        return float(number) * _DAYS.get(unit, _DAYS_A_MONTH)
    except ValueError:
        return None

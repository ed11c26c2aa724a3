"""How old samples are once everything is done with them: what a user waits for."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import Histogram

SAMPLE_AGE = Histogram(
    "forewarn_sample_age_seconds",
    "Age of each pack's newest sample once it is stored, judged and on record",
    buckets=(0.05, 0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 30, 60, 300, 3600),
)


def note_ages(newest_s: Iterable[float], *, now_s: float) -> None:
    """`newest_s` are the packs' newest samples, Unix seconds."""
    for time_s in newest_s:
        SAMPLE_AGE.observe(max(0.0, now_s - time_s))  # a clock is ahead of the other

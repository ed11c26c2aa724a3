"""Gaps of a file: times in which a device that reads all the time read nothing at all.

The stream tells silence while it lasts; of a file the end of each gap is known with its beginning. A gap is
ten times the usual interval, two minutes and three times the longest pause so far. What was told is not learned
from, until three of a kind say that pauses are usual here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from anomaly.csv_table import Chunk
from anomaly.finding import Finding, finding_id
from anomaly.sentences import gap_sentence

LEAST_ROWS: Final = 100
INTERVALS: Final = 10.0
LEAST_S: Final = 120.0
TIMES_LONGEST: Final = 3.0
USUAL_AFTER: Final = 3


@dataclass(slots=True)
class _Pauses:
    rows: int = 0
    newest_s: float = -np.inf
    steps_s: list[float] = field(default_factory=list)
    longest_s: float = 0.0
    told: list[float] = field(default_factory=list)


class Gaps:
    """Pauses between the rows of each device, as its rows pass."""

    def __init__(self) -> None:
        self._devices: dict[str, _Pauses] = {}
        self._found: list[Finding] = []

    def take(self, device: str, part: Chunk) -> None:
        """The next rows of a device; those without any number and those out of order say nothing."""
        known = self._devices.setdefault(device, _Pauses())
        times = part.times_s[np.isfinite(part.values).any(axis=1) & np.isfinite(part.times_s)]
        if not len(times):
            return
        highest = np.maximum.accumulate(np.concatenate(([known.newest_s], times)))
        steps = np.diff(highest)
        if len(known.steps_s) < 10 * LEAST_ROWS:
            here = steps[np.isfinite(steps) & (steps > 0.0)]
            known.steps_s += here[: 10 * LEAST_ROWS - len(known.steps_s)].tolist()
        usual_s = float(np.median(known.steps_s)) if known.steps_s else np.inf
        least_s = max(INTERVALS * usual_s, LEAST_S)
        long = np.flatnonzero((steps > least_s) & np.isfinite(steps))
        begin = 0
        for at in long.tolist():
            known.longest_s = max(
                known.longest_s,
                float(steps[begin:at].max(initial=0.0, where=np.isfinite(steps[begin:at]))),
            )
            self._pause(
                device, known, float(highest[at]), float(steps[at]), usual_s, known.rows + at
            )
            begin = at + 1
        rest = steps[begin:]
        known.longest_s = max(
            known.longest_s, float(rest.max(initial=0.0, where=np.isfinite(rest)))
        )
        known.rows += len(times)
        known.newest_s = float(highest[-1])

    def _pause(
        self,
        device: str,
        known: _Pauses,
        since_s: float,
        lasted_s: float,
        usual_s: float,
        rows: int,
    ) -> None:
        if rows < LEAST_ROWS or lasted_s <= TIMES_LONGEST * known.longest_s:
            known.longest_s = max(known.longest_s, lasted_s)
            return
        alike = [told for told in known.told if told > lasted_s / TIMES_LONGEST]
        if len(alike) >= USUAL_AFTER:
            known.longest_s = max(known.longest_s, lasted_s)
            return
        known.told.append(lasted_s)
        until_s = since_s + lasted_s
        self._found.append(
            Finding(
                id=finding_id(device, "gap", (), since_s),
                kind="gap",
                device=device,
                metrics=(),
                onset_s=since_s,
                detected_s=until_s,
                ended_s=until_s,
                confidence=0.4,
                severity=0.3,
                evidence={
                    "lasted_s": lasted_s,
                    "usual_interval_s": usual_s,
                    "longest_pause_before_s": known.longest_s,
                    "compared_to": "its own longest pause so far",
                },
                sentence=gap_sentence(usual_s, since_s, until_s),
            )
        )  # fmt: skip

    def findings(self) -> list[Finding]:
        """Of all devices."""
        return self._found

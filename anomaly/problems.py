"""One problem, one row: which findings of a device tell of the same thing, and which of them speaks for it.

A level judge, a judge of the time of day and one of what others suggest all see one fault, each in its way and
again whenever it passes its band. Findings on a device are one problem where they share a metric and follow
one another within a day, where they share it and one comes a week after the other (as a weekend does), or where
they began within a few hours. The worst of the most telling kind speaks for all.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from anomaly.finding import Finding, Kind
from anomaly.sentences import plain_name

DAY_S: Final = 86_400.0
REST_S: Final = DAY_S
"""What comes back on the same metric within this time is the same problem."""
TOGETHER_S: Final = 6 * 3600.0
"""What began within this time of the other is the same problem, whatever its metrics."""
WEEK_S: Final = 7 * DAY_S
_RANKS: Final[dict[Kind, int]] = {
    "out_of_range": 0, "stuck": 0, "silence": 0, "counter_reset": 0, "event_rate": 0, "spike": 0, "reboot_loop": 0,
    "flapping": 0, "relation": 1, "rhythm": 1,
}  # fmt: skip
"""Kinds that name a cause come before those that only say that a reading is elsewhere."""
_OTHERS: Final = 2
_MOST_NAMED: Final = 4
_ELSEWHERE: Final = frozenset({"level_shift", "drift", "deviation", "variance"})


@dataclass(frozen=True, slots=True)
class Problem:
    """Findings that belong together, oldest onset first; `head` is one of them."""

    head: Finding
    findings: tuple[Finding, ...]

    @property
    def metrics(self) -> tuple[str, ...]:
        """Of all findings, those of the head first."""
        others = (metric for finding in self.findings for metric in finding.metrics)
        return tuple(dict.fromkeys([*self.head.metrics, *others]))

    @property
    def onset_s(self) -> float:
        """When the first began."""
        return min(finding.onset_s for finding in self.findings)

    @property
    def ended_s(self) -> float | None:
        """When the last was over; None while one is open."""
        ends = [finding.ended_s for finding in self.findings]
        return None if None in ends else max(end for end in ends if end is not None)

    @property
    def severity(self) -> float:
        """Of the worst."""
        return max(finding.severity for finding in self.findings)

    @property
    def forecast(self) -> str | None:
        """Where it leads: the head's word, else that of any."""
        told = (finding.forecast for finding in (self.head, *self.findings))
        return next((words for words in told if words), None)


def problems_of(findings: Iterable[Finding]) -> list[Problem]:
    """All findings, each in one problem; oldest onset first."""
    groups: list[list[Finding]] = []
    for finding in sorted(findings, key=lambda found: (found.onset_s, found.id)):
        own = next((group for group in reversed(groups) if _belongs(group, finding)), None)
        if own is None:
            groups.append([finding])
        else:
            own.append(finding)
    return [Problem(_head(group), tuple(group)) for group in groups]


def _belongs(group: list[Finding], finding: Finding) -> bool:
    if group[0].device != finding.device:
        return False
    began = abs(finding.onset_s - group[0].onset_s) <= TOGETHER_S
    return began or any(_goes_on(known, finding) for known in group)


def _goes_on(known: Finding, finding: Finding) -> bool:
    """Whether the later finding is of what the known one was of, on one metric of both."""
    if known.kind == finding.kind == "gap":
        return True
    if not set(known.metrics) & set(finding.metrics):
        return False
    if known.ended_s is None or finding.onset_s <= known.ended_s + REST_S:
        return True
    return known.kind in _ELSEWHERE and finding.kind in _ELSEWHERE and _weeks_apart(known, finding)


def _weeks_apart(known: Finding, finding: Finding) -> bool:
    weeks = (finding.onset_s - known.onset_s) / WEEK_S
    return 1 <= round(weeks) <= 2 and abs(weeks - round(weeks)) * WEEK_S <= TOGETHER_S


def _head(group: list[Finding]) -> Finding:
    """Of those that began within a day of the first the most telling, and of these the worst."""
    since_s = min(finding.onset_s for finding in group)
    near = [finding for finding in group if finding.onset_s <= since_s + DAY_S]
    return min(
        near, key=lambda found: (_RANKS.get(found.kind, _OTHERS), found.detected_s, found.id)
    )


def numbered(findings: Iterable[Finding]) -> dict[str, int]:
    """The number of each finding's problem by its id, 1 for the oldest."""
    problems = problems_of(findings)
    return {f.id: number for number, problem in enumerate(problems, 1) for f in problem.findings}


def others_in_words(problem: Problem) -> str:
    """What is told besides: `3 more findings on it: deviation, level shift of b`; empty where there is none."""
    others = [finding for finding in problem.findings if finding is not problem.head]
    if not others:
        return ""
    kinds = ", ".join(dict.fromkeys(finding.kind.replace("_", " ") for finding in others))
    metrics = [plain_name(m) for m in problem.metrics if m not in problem.head.metrics]
    shown = metrics if len(metrics) <= _MOST_NAMED else [*metrics[:_MOST_NAMED], "others"]
    also = f", also of {', '.join(shown)}" if shown else ""
    count = f"{len(others)} more finding{'' if len(others) == 1 else 's'} on it"
    return f"{count}: {kinds}{also}{_returns(problem)}"


def _returns(problem: Problem) -> str:
    """How many times it came back after more than a day of rest, and whether by the week."""
    over, begun = -math.inf, []
    for finding in problem.findings:
        if finding.onset_s > over + REST_S:
            begun.append(finding)
        over = max(over, math.inf if finding.ended_s is None else finding.ended_s)
    times = len(begun) - 1
    if times < 2:
        return ""
    weekly = all(_weeks_apart(one, other) for one, other in pairwise(begun))
    return f"; it came back {times} times{' at the same time of the week' if weekly else ''}"

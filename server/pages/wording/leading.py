"""Which findings stand for the others: the worst of each metric first, since one problem may show in several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from server.pages.wording.findings import FindingLike

F = TypeVar("F", bound=FindingLike)


def leading(findings: Sequence[F]) -> tuple[list[F], list[F]]:
    """(the first given of each metric, those of a metric that has one already), each in the order given."""
    heads: list[F] = []
    rest: list[F] = []
    told: set[tuple[str, ...]] = set()
    for finding in findings:
        metrics = tuple(map(str, finding.metrics))
        (rest if metrics and metrics in told else heads).append(finding)
        told.add(metrics)
    return heads, rest

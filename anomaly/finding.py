"""What the engine says: one frozen record per problem found on a device."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final, Literal, get_args

Kind = Literal[
    "spike",
    "level_shift",
    "drift",
    "variance",
    "stuck",
    "silence",
    "out_of_range",
    "gap",
    "deviation",
    "relation",
    "rhythm",
    "flapping",
    "reboot_loop",
    "counter_reset",
    "event_rate",
    "unlike_peers",
    "life",
]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)


@dataclass(frozen=True, slots=True)
class Finding:
    """One problem; times in unix seconds UTC, confidence and severity in 0..1.

    The engine gives out the same id again when the problem gets worse by a step or ends
    (`ended_s` set). `evidence` holds numbers with the unit or meaning in the name.
    """

    id: str
    kind: Kind
    device: str
    metrics: tuple[str, ...]
    onset_s: float
    detected_s: float
    ended_s: float | None
    confidence: float
    severity: float
    evidence: dict[str, float | str]
    sentence: str
    forecast: str | None = None


def finding_id(device: str, kind: str, metrics: tuple[str, ...], onset_s: float) -> str:
    """The same problem has the same id wherever and whenever it is computed."""
    text = "\x1f".join((device, kind, *metrics, f"{onset_s:.3f}"))
    return hashlib.blake2s(text.encode(), digest_size=10).hexdigest()


@dataclass(frozen=True, slots=True)
class Baseline:
    """What a series usually reads at a time of day: the expected value and its usual band."""

    expected: float
    low: float
    high: float

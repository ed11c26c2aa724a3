"""From the kernel's rows of numbers to findings in words."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from anomaly import sentences as say
from anomaly.evidence import EVIDENCE, MOST_BANDS, Evidence, Told
from anomaly.finding import Finding, Kind, finding_id

if TYPE_CHECKING:
    from anomaly.state import Table

# Codes and columns of anomaly.events, which cannot be imported before the compiler is wanted.
(
    LEVEL, PROFILE, NOISE, STUCK, RANGE, MISSING, SPIKE, RESTART, DEVICE, MOTION, RUN, JUMP, DAY, CALM,
    RESET, EVENTS,
) = range(16)  # fmt: skip

AS_READ = frozenset({RANGE, MISSING, RESET, EVENTS})
"""Codes that tell of readings as they came, also of a counter."""
RESETS = 3  # resets of a counter that are a problem rather than a hint
DRIFT_SHARE = 0.6  # a deviation of which so much grew since the onset is a drift, not a step


def word(
    device: str,
    metric: str,
    unit: str,
    event: Table,
    *,
    counted: bool = False,
    known: Finding | None = None,
) -> Finding:
    """One event as a finding: a new one, or what is so now of the one that is `known`.

    `counted` where a counter's rate was judged.
    """
    told = Told.of(event)
    kind = known.kind if known else _kind(told)
    onset_s = known.onset_s if known else told.onset_s
    evidence: Evidence = {}
    if counted and told.code not in AS_READ:
        unit = say.per_second(unit)
        evidence["counted"] = "per second"
    if unit:
        evidence["unit"] = unit
    evidence |= EVIDENCE[kind](told)
    if told.code in _COMPARED:
        evidence["compared_to"] = _COMPARED[told.code](told)
    evidence["times_its_band"] = round(told.z, 3)
    return Finding(
        id=finding_id(device, kind, (metric,), onset_s),
        kind=kind,
        device=device,
        metrics=(metric,),
        onset_s=onset_s,
        detected_s=told.at_s,
        ended_s=None,
        confidence=_confidence(told.code, told.z),
        severity=severity_of(told.code, told.z),
        evidence=evidence,
        sentence=_sentence(kind, say.plain_name(metric), unit, onset_s, told),
    )


_COMPARED: Final[dict[int, Callable[[Told], str]]] = {
    DAY: lambda told: (
        f"its {'lowest' if told.now > told.usual else 'highest'} of each day during commissioning"
    ),
    CALM: lambda _told: "its steps in the calmest hours during commissioning",
}
"""Where a code is compared to something else than others of its kind."""


def word_whole(device: str, metrics: tuple[str, ...], event: Table) -> Finding:
    """Several metrics of a device together: what moved at once, or left its healthy run's levels."""
    at_s, onset_s, z = float(event[3]), float(event[4]), min(float(event[9]), MOST_BANDS)
    sudden = int(event[1]) == MOTION
    names = [say.plain_name(metric) for metric in metrics]
    compared = "how much its metrics moved in its other hours" if sudden else "its healthy run"
    return Finding(
        id=finding_id(device, "relation", metrics, onset_s),
        kind="relation",
        device=device,
        metrics=metrics,
        onset_s=onset_s,
        detected_s=at_s,
        ended_s=None,
        confidence=round(min(0.9, 0.5 + 0.3 * z / (1.0 + z)), 3),
        severity=round(min(0.9, 0.2 + 0.5 * z / (2.0 + z)), 3),
        evidence={"times_its_limit": round(z, 3), "compared_to": compared},
        sentence=say.together_sentence(names, sudden=sudden, onset_s=onset_s, at_s=at_s),
    )


_KINDS: Final[dict[int, Kind]] = {
    PROFILE: "deviation",
    NOISE: "variance",
    STUCK: "stuck",
    RANGE: "out_of_range",
    MISSING: "silence",
    SPIKE: "spike",
    JUMP: "level_shift",
    DAY: "drift",
    CALM: "variance",
    RESET: "counter_reset",
    EVENTS: "event_rate",
}


def _kind(told: Told) -> Kind:
    if told.code != LEVEL:
        return _KINDS[told.code]
    grown, away = told.slope * (told.at_s - told.onset_s), told.now - told.usual
    return "drift" if away and grown / away > DRIFT_SHARE else "level_shift"


def severity_of(code: int, z: float) -> float:
    """Severity 0..1 of an event of this code at this many bands."""
    if code in {RANGE, MISSING}:
        return 0.7
    if code in {STUCK, SPIKE}:
        return 0.5
    if code == RESET:
        return 0.2 if z < RESETS else 0.6
    return round(min(0.95, 0.3 + 0.5 * z / (2.0 + z)), 3)


def _confidence(code: int, z: float) -> float:
    if code == RANGE:
        return 0.99
    if code == RESET:
        return 0.4 if z < RESETS else 0.9  # one alone is a hint that opens no case
    if code in {STUCK, MISSING}:
        return 0.9
    return round(min(0.97, 0.6 + 0.35 * z / (1.0 + z)), 3)


def _sentence(kind: Kind, name: str, unit: str, onset_s: float, told: Told) -> str:
    now, usual, at_s = told.now, told.usual, told.at_s
    match kind:
        case "drift":
            per_day = told.slope * 86400
            return say.drift_sentence(name, unit, now, usual, per_day, onset_s, at_s)
        case "deviation":
            return say.deviation_sentence(name, unit, now, onset_s, at_s)
        case "variance":
            ratio = now / usual if usual > 0 else 1.0
            return say.variance_sentence(name, ratio, onset_s, at_s)
        case "stuck":
            return say.stuck_sentence(name, unit, now, onset_s, at_s)
        case "out_of_range":
            return say.range_sentence(name, unit, now, onset_s, at_s)
        case "silence":
            return say.missing_sentence(name, usual, onset_s, at_s)
        case "spike":
            return say.spike_sentence(name, unit, now, onset_s, at_s)
        case "counter_reset":
            return say.reset_sentence(name, unit, now, usual, int(told.extra), onset_s, at_s)
        case "event_rate":
            return say.events_sentence(name, int(now), int(usual), onset_s, at_s)
        case _:
            return say.level_sentence(name, unit, now, usual, onset_s, at_s)

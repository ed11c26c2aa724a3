"""From the kernel's rows of numbers to findings in words."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from anomaly import sentences as say
from anomaly.finding import Finding, Kind, finding_id

if TYPE_CHECKING:
    from anomaly.state import Table

# Codes and columns of anomaly.events, which cannot be imported before the compiler is wanted.
(
    LEVEL, PROFILE, NOISE, STUCK, RANGE, MISSING, SPIKE, RESTART, DEVICE, MOTION, RUN, JUMP, DAY, CALM,
) = range(14)  # fmt: skip

DRIFT_SHARE = 0.6  # a deviation of which so much grew since the onset is a drift, not a step


def word(
    device: str, metric: str, unit: str, event: Table, *, told: tuple[Kind, float] | None = None
) -> Finding:
    """An event as a finding; `told` is the kind and onset (s) it was told with before, if it was."""
    code = int(event[1])
    at_s, onset_s, now, usual, low, high, z, slope = (float(x) for x in event[3:11])
    extra = float(event[11])
    name = say.plain_name(metric)
    kind, onset_s = told or _kind(code, at_s, onset_s, now, usual, slope)
    severity = _severity(code, z)
    confidence = _confidence(code, z)
    evidence: dict[str, float | str] = {"unit": unit} if unit else {}
    if kind in {"level_shift", "drift"}:
        evidence |= {"now": now, "usual": usual, "band_low": low, "band_high": high}
        evidence["compared_to"] = "its own level during commissioning"
        if code == DAY:
            extreme = "lowest" if now > usual else "highest"
            evidence["compared_to"] = f"its {extreme} of each day during commissioning"
    elif kind == "deviation":
        evidence |= {"away_from_profile": now, "band_low": low, "band_high": high}
        evidence["compared_to"] = "its own usual course of the day"
    elif kind == "variance":
        evidence |= {"step_now": now, "step_usual": usual}
        evidence["compared_to"] = "its own steps during commissioning"
        if code == CALM:
            evidence["compared_to"] = "its steps in the calmest hours during commissioning"
    elif kind == "stuck":
        evidence |= {"value": now, "longest_standstill_before_s": extra}
        evidence["compared_to"] = "its own longest standstill so far"
    elif kind == "out_of_range":
        evidence |= {"value": now}
        evidence |= {
            k: v for k, v in (("limit_low", low), ("limit_high", high)) if math.isfinite(v)
        }
        evidence["compared_to"] = "what the quantity can physically be"
    elif kind == "silence":
        evidence |= {"silent_for_s": now, "usual_interval_s": usual}
        evidence["compared_to"] = "its own usual interval"
    else:
        evidence |= {"value": now, "usual": usual, "seen_low": low, "seen_high": high}
        evidence["compared_to"] = "everything it has read so far"
    evidence["times_its_band"] = round(z, 3)
    sentence = _sentence(kind, name, unit, now, usual, slope, onset_s, at_s)
    return Finding(
        id=finding_id(device, kind, (metric,), onset_s),
        kind=kind,
        device=device,
        metrics=(metric,),
        onset_s=onset_s,
        detected_s=at_s,
        ended_s=None,
        confidence=confidence,
        severity=severity,
        evidence=evidence,
        sentence=sentence,
    )


def word_whole(device: str, metrics: tuple[str, ...], event: Table) -> Finding:
    """Several metrics of a device together: what moved at once, or left its healthy run's levels."""
    at_s, onset_s, z = float(event[3]), float(event[4]), float(event[9])
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


def _kind(
    code: int, at_s: float, onset_s: float, now: float, usual: float, slope: float
) -> tuple[Kind, float]:
    if code == LEVEL:
        grown = slope * (at_s - onset_s)
        away = now - usual
        if away and grown / away > DRIFT_SHARE:
            return "drift", onset_s
        return "level_shift", onset_s
    kinds: dict[int, Kind] = {
        PROFILE: "deviation",
        NOISE: "variance",
        STUCK: "stuck",
        RANGE: "out_of_range",
        MISSING: "silence",
        SPIKE: "spike",
        JUMP: "level_shift",
        DAY: "drift",
        CALM: "variance",
    }
    return kinds[code], onset_s


def _severity(code: int, z: float) -> float:
    if code in {RANGE, MISSING}:
        return 0.7
    if code in {STUCK, SPIKE}:
        return 0.5
    return round(min(0.95, 0.3 + 0.5 * z / (2.0 + z)), 3)


def _confidence(code: int, z: float) -> float:
    if code == RANGE:
        return 0.99
    if code in {STUCK, MISSING}:
        return 0.9
    return round(min(0.97, 0.6 + 0.35 * z / (1.0 + z)), 3)


def _sentence(
    kind: Kind, name: str, unit: str, now: float, usual: float, slope: float,
    onset_s: float, at_s: float,
) -> str:  # fmt: skip
    match kind:
        case "drift":
            return say.drift_sentence(name, unit, now, usual, slope * 86400, onset_s, at_s)
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
        case _:
            return say.level_sentence(name, unit, now, usual, onset_s, at_s)

"""Labels become a cohort's caution: versioned, reversible, obeyed by the running detectors.

A cohort is all devices of one model. Each change makes a new version; none is ever changed. The
pipeline takes up the newest versions together with a checkpoint, which names them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from anomaly.tuning import CAUTION_RANGE, Label, tuned
from server.detection import repository
from server.detection.model import CohortTuning, FindingLabel
from server.device import repository as devices
from server.kit.errors import BadInput, NotFound

BY_LABELS, BY_HAND, BY_REVERT = "labels", "hand", "revert"
NO_MODEL = "-"
"""The cohort of devices whose model nobody named."""


def cohort_of(model: str) -> str:
    """
    >>> cohort_of(" Freezer X2 ")
    'freezer x2'
    """
    return model.strip().lower() or NO_MODEL


def note_label(
    session: Session, source: str, device_id: str, label: Label | None, *,
    kind: str = "", component: str = "", at: datetime, now: datetime,
) -> None:  # fmt: skip
    """`source` says so now, whatever it said before; None takes its word back."""
    device = devices.by_id(session, device_id)
    if device is None:
        return
    changed = {cohort_of(device.model)}
    before = repository.current_label(session, source)
    if before is not None:
        before.replaced_at = now
        changed.add(before.cohort)
        session.flush()
    if label is not None:
        session.add(
            FindingLabel(
                source=source, device_id=device_id, cohort=cohort_of(device.model), label=label,
                kind=kind, component=component, at=at,
            )
        )  # fmt: skip
        session.flush()
    for cohort in sorted(changed):
        follow_labels(session, cohort, now=now)


def take_back(session: Session, source: str, *, now: datetime) -> str:
    """The word of `source` no longer counts; tells the device. Raises NotFound."""
    label = repository.current_label(session, source)
    if label is None:
        raise NotFound(f"there is no label from {source!r}")
    note_label(session, source, label.device_id, None, at=now, now=now)
    return label.device_id


def follow_labels(
    session: Session, cohort: str, *, now: datetime, by: str = ""
) -> CohortTuning | None:
    """A new version where the labels call for another caution; `by` a person: even over his own.

    Returns the version that holds now; None for a cohort that never had one and needs none.
    """
    newest = repository.newest_tuning(session, cohort)
    if newest is not None and newest.origin != BY_LABELS and not by:
        return newest
    wanted = tuned(Label(row.label) for row in repository.current_labels(session, cohort))
    unchanged = newest is None and wanted.caution == 1.0
    if newest is not None and newest.origin == BY_LABELS:
        unchanged = newest.caution == wanted.caution
    if unchanged:
        return newest
    counts = {str(label): number for label, number in wanted.counts.items()}
    return _new_version(session, cohort, wanted.caution, counts, BY_LABELS, by=by, now=now)


def set_by_hand(
    session: Session, cohort: str, caution: float, *, by: str, now: datetime
) -> CohortTuning:
    """Holds until `follow_labels` is asked for by a person. Raises BadInput, NotFound."""
    low, high = CAUTION_RANGE
    if not low <= caution <= high:
        raise BadInput("caution", f"must be {low:g}..{high:g}")
    _known(session, cohort)
    return _new_version(session, cohort, caution, {}, BY_HAND, by=by, now=now)


def revert(session: Session, cohort: str, version: int, *, by: str, now: datetime) -> CohortTuning:
    """What held in `version` (0: before any) holds again, as a new version. Raises NotFound."""
    old = repository.tuning_version(session, cohort, version) if version else None
    if version and old is None:
        raise NotFound(f"the cohort {cohort!r} has no version {version}")
    _known(session, cohort)
    caution, counts = (old.caution, old.counts) if old else (1.0, {})
    made = _new_version(session, cohort, caution, dict(counts), BY_REVERT, by=by, now=now)
    made.reverted_to = version
    return made


def device_cautions(session: Session) -> dict[str, float]:
    """Every device on record with its caution; empty while no cohort has ever been tuned."""
    cautions = {row.cohort: row.caution for row in repository.newest_tunings(session)}
    if not cautions:
        return {}
    return {
        device_id: cautions.get(cohort_of(model), 1.0)
        for device_id, model in devices.models(session)
    }


def newest_id(session: Session) -> int:
    """What a checkpoint names, so that a restart knows which versions its state obeys."""
    return repository.newest_tuning_id(session)


def cohorts(session: Session) -> Sequence[str]:
    """All that devices belong to or labels speak of, in order."""
    named = {cohort_of(model) for _, model in devices.models(session)}
    return sorted(named | {row.cohort for row in repository.newest_tunings(session)})


def _known(session: Session, cohort: str) -> None:
    if cohort not in cohorts(session):
        raise NotFound(f"no device is of the model {cohort!r}")


def _new_version(
    session: Session, cohort: str, caution: float, counts: dict[str, int], origin: str, *,
    by: str, now: datetime,
) -> CohortTuning:  # fmt: skip
    newest = repository.newest_tuning(session, cohort)
    made = CohortTuning(
        cohort=cohort, version=newest.version + 1 if newest else 1, caution=caution, counts=counts,
        origin=origin, made_by=by, made_at=now,
    )  # fmt: skip
    session.add(made)
    session.flush()
    return made

"""Shapes of the API of tuning and of fleet models."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from anomaly.tuning import CAUTION_RANGE


class TuningView(BaseModel):
    """How cautious the detectors are with a cohort (all devices of one model), since when, and why."""

    model_config = ConfigDict(from_attributes=True)

    cohort: str
    version: int = Field(description="0: never tuned")
    caution: float = Field(description="1 as the settings say, more is quieter, less is stricter")
    origin: str = Field(description="labels, hand, revert; empty: never tuned")
    counts: dict[str, int] = Field(description="the labels it follows from")
    reverted_to: int | None
    made_by: str
    made_at: datetime | None


class LabelView(BaseModel):
    """What somebody found out: a technician on a visit, an owner by his thumb."""

    model_config = ConfigDict(from_attributes=True)

    source: str
    device_id: str
    label: str
    kind: str
    component: str
    at: datetime


class CohortDetail(BaseModel):
    versions: list[TuningView]
    labels: list[LabelView]


class TuningChange(BaseModel):
    """Exactly one of the three: set it, go back to a version (0: before any), let the labels decide."""

    caution: float | None = Field(default=None, ge=CAUTION_RANGE[0], le=CAUTION_RANGE[1])
    revert_to: int | None = Field(default=None, ge=0, le=2**31 - 1)
    follow_labels: bool = False


class ReplayView(BaseModel):
    """What the days asked about would have looked like under `caution`."""

    model_config = ConfigDict(from_attributes=True)

    caution: float
    readings: int = Field(description="read of those days; 0: nothing to judge by")
    findings: int
    by_kind: dict[str, int]
    devices: int
    devices_with_findings: int
    confirmed: int
    confirmed_found: int
    missed: int
    missed_found: int
    no_fault: int
    no_fault_repeated: int


class FleetModelView(BaseModel):
    """One version of what a cohort's failures taught: the time left, or the failure within a time.

    `error`, that of the version in use then (`current_error`) and that of always saying the mean are of
    the same held-out failures: days for `life`, the Brier score (0..1) for `failure`.
    """

    model_config = ConfigDict(from_attributes=True)

    cohort: str = Field(description="a model, in lower case")
    kind: Literal["life", "failure"]
    version: int
    in_use: bool
    used_by: str = Field(
        description="whose word put it to use or out of it; empty: the comparison's"
    )
    made_at: datetime
    trained_until: datetime
    failures: int = Field(description="known when it was made, the held-out ones among them")
    held_out: int
    horizon_days: float = Field(description="for `failure`: within so many days")
    error: float
    current_error: float | None = Field(description="null: no version was in use")
    mean_error: float


class WaitingCohort(BaseModel):
    """A cohort that nothing was learned of yet, for too few failures are known."""

    cohort: str
    failures: int
    needed: int


class FleetModelUse(BaseModel):
    """Ask this version from the next look on; 0: none."""

    cohort: str = Field(min_length=1, max_length=128)
    kind: Literal["life", "failure"]
    version: int = Field(ge=0, le=2**31 - 1)

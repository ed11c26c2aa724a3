"""Shapes of the API of tuning."""

from __future__ import annotations

from datetime import datetime

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

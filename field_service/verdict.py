"""What the technician found: the label that goes back to the models."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from field_service.errors import VerdictRefused


class Outcome(StrEnum):
    """Whether the machine was right about the device."""

    CONFIRMED = "confirmed"
    DIFFERENT_FAULT = "different_fault"
    NO_FAULT_FOUND = "no_fault_found"
    EXTERNAL_CAUSE = "external_cause"


FAULT_ON_DEVICE = frozenset({Outcome.CONFIRMED, Outcome.DIFFERENT_FAULT})
"""Outcomes that name a part of the device and what was done to it: a repair."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Raises VerdictRefused when a fault was found and the part or the work on it is not named."""

    outcome: Outcome
    component: str = ""
    action: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        if self.outcome in FAULT_ON_DEVICE:
            for name in ("component", "action"):
                if not getattr(self, name).strip():
                    raise VerdictRefused(name, "needed when a fault was found")

    @property
    def repaired(self) -> bool:
        """True when the device was changed, so that its old normal no longer holds."""
        return self.outcome in FAULT_ON_DEVICE

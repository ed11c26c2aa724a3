"""Jobs, verdicts, technicians and what to bring: pure domain, no storage, no clock, no network.

Not here: who is told (the server's notifications), when a visit is planned, where jobs are kept.
"""

from field_service.dispatch import Technician, choose
from field_service.errors import FieldServiceError, RuleRefused, TransitionRefused, VerdictRefused
from field_service.job import JOB_LIFE_CYCLE, JobAction, JobState, next_state
from field_service.life_cycle import LifeCycle
from field_service.verdict import FAULT_ON_DEVICE, Outcome, Verdict
from field_service.visit import PREPARATIONS, Preparation, VisitPlan, phrases, plan_visit

__all__ = [
    "FAULT_ON_DEVICE",
    "JOB_LIFE_CYCLE",
    "PREPARATIONS",
    "FieldServiceError",
    "JobAction",
    "JobState",
    "LifeCycle",
    "Outcome",
    "Preparation",
    "RuleRefused",
    "Technician",
    "TransitionRefused",
    "Verdict",
    "VerdictRefused",
    "VisitPlan",
    "choose",
    "next_state",
    "phrases",
    "plan_visit",
]

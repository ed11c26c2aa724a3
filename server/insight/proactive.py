"""How proactive we are, in figures that can be held against us.

Every figure is over a window, says what it counts, and is None where there is nothing to count: no
data is not a zero and not a hundred per cent.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from sqlalchemy.orm import Session

from field_service import FAULT_ON_DEVICE
from server.incident.states import IncidentState
from server.insight import repository
from server.insight.repository import Case
from server.ticket.model import Ticket
from server.ticket.states import Feedback, Resolution


@dataclass(frozen=True, slots=True)
class Proactive:
    """Figures over the cases opened in a window; shares are 0..1."""

    cases: int
    """Cases opened by the detectors in the window."""
    requests: int
    """Tickets that owners opened themselves in the window."""
    noticed_first_share: float | None
    """Problems that we had on record before the owner asked, of all problems: cases for whose device no
    request fell between onset and opening, over those cases, the rest, and the requests that came while
    no case of the device was on record. A request about anything at all counts against us."""
    median_lead_time_s: float | None
    """From a case's opening to the owner's own request on that device, over the cases in which one came
    before the case closed: the time that we were ahead of him. Cases never asked about do not count."""
    median_detection_delay_s: float | None
    """From onset to detection of a case's leading finding, both in the samples' own time: how long the
    problem lasted unnoticed."""
    verdicts: int
    """Visits for a case finished in the window: each has one verdict."""
    precision: float | None
    """Verdicts that found a fault on the device (confirmed or different), of all verdicts."""
    thumbs: int
    """Cases that owners judged in the window."""
    useful_share: float | None
    """Owners' thumbs up, of all thumbs on cases."""
    self_resolved_share: float | None
    """Closed cases that recovered with neither a visit nor a person's work on the ticket, of all closed."""
    median_hours_to_close: float | None
    """From opening to closing, the watch period included, over closed cases."""
    relapses: int
    """Times that a case came back within its watch period, plus cases that repeat a closed one."""
    visits_avoided: int
    """Planned visits called off before they began because the device had recovered. A visit that was
    never planned is not counted: nobody knows whether it would have been made."""


def proactive(session: Session, *, since: datetime, until: datetime) -> Proactive:
    """The figures over [since, until)."""
    cases = repository.cases(session, since=since, until=until)
    asked = repository.requests(session, since=since, until=until)
    closed = [c for c in cases if c.incident.state is IncidentState.CLOSED]
    verdicts = repository.verdicts(session, since=since, until=until)
    thumbs = repository.thumbs(session, since=since, until=until)
    found_fault = sum(count for outcome, count in verdicts.items() if outcome in FAULT_ON_DEVICE)
    return Proactive(
        cases=len(cases),
        requests=len(asked),
        noticed_first_share=_noticed_first(session, cases, asked),
        median_lead_time_s=_median(_lead_times(cases, asked, until)),
        median_detection_delay_s=_median(
            (c.finding.detected_at - c.finding.onset_at).total_seconds() for c in cases
        ),
        verdicts=sum(verdicts.values()),
        precision=_share(found_fault, sum(verdicts.values())),
        thumbs=sum(thumbs.values()),
        useful_share=_share(thumbs.get(Feedback.USEFUL, 0), sum(thumbs.values())),
        self_resolved_share=_share(len(_self_resolved(session, closed)), len(closed)),
        median_hours_to_close=_median(
            (c.incident.closed_at - c.incident.opened_at) / timedelta(hours=1)
            for c in closed
            if c.incident.closed_at is not None
        ),
        relapses=sum(
            c.incident.reopened_count + (c.incident.previous_id is not None) for c in cases
        ),
        visits_avoided=repository.visits_called_off(session, since=since, until=until),
    )


def _noticed_first(
    session: Session, cases: Sequence[Case], asked: Sequence[Ticket]
) -> float | None:
    first = [c for c in cases if not any(_asked_before(c, ticket) for ticket in asked)]
    unnoticed = [t for t in asked if not repository.had_case(session, t.device_id, t.opened_at)]
    late = [t for t in unnoticed if not any(_asked_before(c, t) for c in cases)]
    return _share(len(first), len(cases) + len(late))


def _asked_before(case: Case, ticket: Ticket) -> bool:
    same = ticket.device_id == case.incident.device_id
    return same and case.incident.onset_at <= ticket.opened_at < case.incident.opened_at


def _lead_times(cases: Sequence[Case], asked: Sequence[Ticket], until: datetime) -> list[float]:
    leads = []
    for case in cases:
        incident = case.incident
        later = [
            (ticket.opened_at - incident.opened_at).total_seconds()
            for ticket in asked
            if ticket.device_id == incident.device_id
            and incident.opened_at <= ticket.opened_at <= (incident.closed_at or until)
        ]
        if later:
            leads.append(min(later))
    return leads


def _self_resolved(session: Session, closed: Sequence[Case]) -> list[Case]:
    visited = repository.visited_incidents(session, [c.incident.id for c in closed])
    return [
        c
        for c in closed
        if c.incident.id not in visited
        and (
            c.ticket is None
            or (c.ticket.resolution is Resolution.RECOVERED and not c.ticket.worked_on)
        )
    ]


def _median(values: Iterable[float]) -> float | None:
    known = list(values)
    return median(known) if known else None


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None

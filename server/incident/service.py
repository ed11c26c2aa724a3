"""Findings become cases, and cases end. Callers own the transaction.

`absorb` may be given the same records again, and the records of one call in any order: what it leaves
behind is a function of the set.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from server.account.viewer import Viewer
from server.detection.model import FindingRecord
from server.device.model import Device
from server.incident import repository
from server.incident.events import (
    IncidentClosed,
    IncidentEvent,
    IncidentOpened,
    IncidentRecovered,
    IncidentRelapsed,
    IncidentWorsened,
)
from server.incident.grouping import Grouping, components_of, over_when_found, weight
from server.incident.model import Incident, IncidentFinding
from server.incident.states import INCIDENT_LIFE_CYCLE, IncidentAction, IncidentState
from server.kit.errors import NotFound
from server.kit.events import publish
from server.kit.settings import Settings

Members = Sequence[tuple[IncidentFinding, FindingRecord]]

SEVERITY_STEPS = 10
"""A rise of severity by one such step is news."""


def absorb(
    session: Session,
    records: Iterable[FindingRecord],
    *,
    now: datetime,
    settings: Settings,
    grouping: Grouping | None = None,
) -> list[Incident]:
    """Put each record into the case that it belongs to, or open one; returns the cases touched.

    A record alone with low confidence, or of a problem that was over when it was found, opens nothing.
    """
    absorber = _Absorber(session, now, settings, grouping or Grouping())
    touched: dict[int, Incident] = {}
    waiting = sorted(records, key=lambda r: (r.detected_at, r.onset_at, r.id))
    while waiting:
        homeless = []
        for record in waiting:
            incident = absorber.place(record)
            if incident is None:
                homeless.append(record)
            else:
                touched[incident.id] = incident
        if len(homeless) == len(waiting):
            break
        waiting = homeless  # what opens no case may join one that another has just opened
    for incident in touched.values():
        absorber.settle(incident)
    session.flush()
    return list(touched.values())


def close_watched(session: Session, *, now: datetime) -> int:
    """Close the cases that stayed well for their watch period; returns how many."""
    done = repository.watched_until(session, now)
    for incident in done:
        _close(session, incident, now=now)
    return len(done)


def visible(session: Session, viewer: Viewer, incident_id: int) -> Incident:
    """The case, if the viewer may know of it; raises NotFound."""
    incident = repository.incident_by_id(session, incident_id)
    if incident is not None and not viewer.sees_all_devices:
        device = session.get(Device, incident.device_id)
        if device is None or device.owner_id != viewer.user_id:
            incident = None
    if incident is None:
        raise NotFound("there is no such incident")
    return incident


class _Absorber:
    """One call of `absorb`."""

    def __init__(
        self, session: Session, now: datetime, settings: Settings, grouping: Grouping
    ) -> None:
        self._session = session
        self._now = now
        self._watch = timedelta(seconds=settings.recovery_watch_s)
        self._grouping = grouping
        self._fresh: set[int] = set()

    def place(self, record: FindingRecord) -> Incident | None:
        """The case of `record`, which it is now linked to; None where it has none."""
        link = repository.link_of(self._session, record.id)
        if link is not None:
            incident = self._session.get_one(Incident, link.incident_id)
            return incident if incident.state is not IncidentState.CLOSED else None
        home = self._home_of(record)
        if home is None:
            return None
        incident, component = home
        self._session.add(
            IncidentFinding(
                finding_id=record.id,
                incident_id=incident.id,
                component=component,
                added_at=self._now,
            )
        )
        self._session.flush()
        return incident

    def settle(self, incident: Incident) -> None:
        """Make the case say what its findings say now, and tell what changed."""
        if incident.state is IncidentState.CLOSED:  # lapsed within this very call
            return
        members = repository.members(self._session, incident.id)
        link, leader = max(members, key=lambda member: weight(member[1]))
        severity = max(incident.severity, *(record.severity for _, record in members))
        steps = int(severity * SEVERITY_STEPS) - int(incident.severity * SEVERITY_STEPS)
        worse = steps > 0 or leader.id != incident.leading_finding_id
        incident.component, incident.kind = link.component, leader.kind
        incident.leading_finding_id, incident.severity = leader.id, severity
        incident.onset_at = min(record.onset_at for _, record in members)
        ends = [record.ended_at for _, record in members if record.ended_at is not None]
        ill = len(ends) < len(members)
        if incident.id in self._fresh:
            self._fresh.discard(incident.id)
            self._tell(IncidentOpened, incident)
        elif worse and ill:
            self._tell(IncidentWorsened, incident)
        if ill and incident.state is IncidentState.RECOVERING:
            _move(incident, IncidentAction.RELAPSE)
            incident.recovered_at = incident.watch_until = None
            incident.reopened_count += 1
            self._tell(IncidentRelapsed, incident)
        elif not ill and incident.state is IncidentState.OPEN:
            _move(incident, IncidentAction.RECOVER)
            incident.watch_until = self._now + self._watch
            self._tell(IncidentRecovered, incident)
        if not ill:
            incident.recovered_at = max(ends)

    def _tell(self, event: type[IncidentEvent], incident: Incident) -> None:
        publish(
            self._session,
            event(incident_id=incident.id, device_id=incident.device_id),
            now=self._now,
        )

    def _home_of(self, record: FindingRecord) -> tuple[Incident, str] | None:
        """The case that `record` belongs to, opened where it must be, and its component there.

        A component counts in one active case at most: who shares it owns the finding, or nobody does.
        """
        wanted = components_of(record.metrics)
        cases = self._cases(record.device_id)
        for incident, members in cases:
            known = {link.component for link, _ in members}
            shared = next((c for c in wanted if c in known), None)
            if shared is None:
                continue
            if self._too_early(record, members):
                return None
            if not self._lapsed(incident, record):
                return incident, shared
            if not self._may_open(record):
                return None
            self.settle(incident)
            _close(self._session, incident, now=self._now)
            self._session.flush()  # the component is free before another case takes it
            return self._home_of(record)
        for incident, members in cases:
            akin = any(self._grouping.akin(record, other) for _, other in members)
            if akin and not self._too_early(record, members) and not self._lapsed(incident, record):
                return incident, wanted[0]
        if not self._may_open(record):
            return None
        return self._open(record, wanted[0]), wanted[0]

    def _cases(self, device_id: str) -> list[tuple[Incident, Members]]:
        return [
            (incident, repository.members(self._session, incident.id))
            for incident in repository.active_on(self._session, device_id)
        ]

    def _too_early(self, record: FindingRecord, members: Members) -> bool:
        """True when `record` was over before the case began: it joins no later problem."""
        if record.ended_at is None:
            return False
        return record.ended_at < min(r.onset_at for _, r in members) - self._grouping.together

    def _lapsed(self, incident: Incident, record: FindingRecord) -> bool:
        """True when `record` began after the case's watch was over.

        Live, the watch is by the clock; where history is replayed, by the samples' own time.
        """
        members = repository.members(self._session, incident.id)
        ends = [r.ended_at for _, r in members if r.ended_at is not None]
        if len(ends) < len(members):
            return False
        watch_until = incident.watch_until or self._now + self._watch
        live = record.onset_at >= watch_until - self._watch
        return record.onset_at > (watch_until if live else max(ends) + self._watch)

    def _may_open(self, record: FindingRecord) -> bool:
        return record.confidence >= self._grouping.least_confidence and not over_when_found(record)

    def _open(self, record: FindingRecord, component: str) -> Incident:
        previous = repository.last_closed(
            self._session,
            record.device_id,
            component,
            recovered_since=record.onset_at - self._grouping.repeat_within,
        )
        incident = Incident(
            device_id=record.device_id,
            component=component,
            kind=record.kind,
            state=INCIDENT_LIFE_CYCLE.initial,
            severity=record.severity,
            leading_finding_id=record.id,
            opened_at=self._now,
            onset_at=record.onset_at,
            reopened_count=0,
            previous_id=previous.id if previous else None,
        )
        self._session.add(incident)
        self._session.flush()
        self._fresh.add(incident.id)
        return incident


def _move(incident: Incident, action: IncidentAction) -> None:
    incident.state = INCIDENT_LIFE_CYCLE.after(incident.state, action)


def _close(session: Session, incident: Incident, *, now: datetime) -> None:
    _move(incident, IncidentAction.CLOSE)
    incident.closed_at = now
    event = IncidentClosed(incident_id=incident.id, device_id=incident.device_id)
    publish(session, event, now=now)

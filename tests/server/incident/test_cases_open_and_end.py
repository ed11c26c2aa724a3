"""How findings become cases and how cases end, one situation a test."""

from datetime import timedelta

import pytest
from sqlalchemy.exc import IntegrityError

from server.incident import service
from server.incident.grouping import Grouping
from server.incident.model import Incident
from server.incident.states import IncidentState
from tests.server.incident.case_world import CaseWorld, put_finding

MINUTE = timedelta(minutes=1)


def test_a_finding_opens_a_case_with_its_own_onset(world: CaseWorld):
    device = world.device()
    onset = world.now - timedelta(days=400)
    finding = world.find(device, onset_at=onset, severity=0.7)
    (case,) = world.incidents()
    assert (case.device_id, case.component, case.kind) == (device, "compressor", "drift")
    assert (case.state, case.severity) == (IncidentState.OPEN, 0.7)
    assert (case.opened_at, case.onset_at) == (world.now, onset)
    assert case.leading_finding_id == finding
    assert world.events().count("IncidentOpened") == 1


def test_the_same_component_is_the_same_case(world: CaseWorld):
    device = world.device()
    world.find(device, onset_at=world.now - timedelta(days=9))
    world.find(device, metrics=["compressor/power"], kind="level_shift", severity=0.9)
    (case,) = world.incidents()
    assert (case.kind, case.severity) == ("level_shift", 0.9)
    assert world.events().count("IncidentWorsened") == 1


def test_what_began_together_is_one_case(world: CaseWorld):
    device = world.device()
    world.find(device, kind="level_shift")
    world.find(device, kind="spike", metrics=["fan/speed"], onset_at=world.now + 20 * MINUTE)
    assert len(world.incidents()) == 1


def test_what_spreads_over_a_machine_is_one_case_for_days_and_the_rest_for_minutes(
    world: CaseWorld,
):
    leak, sensors, later = world.device(), world.device(), world.device()
    two_days_ago, last_week = world.now - timedelta(days=2), world.now - timedelta(days=7)
    world.find(leak, kind="deviation", metrics=["suction/pressure"], onset_at=two_days_ago)
    world.find(leak, kind="level_shift", metrics=["oil/temperature"])
    world.find(sensors, kind="stuck", metrics=["room/temperature"], onset_at=two_days_ago)
    world.find(sensors, kind="stuck", metrics=["oil/temperature"])
    world.find(later, kind="drift", metrics=["fan/current"], onset_at=last_week)
    world.find(later, kind="drift", metrics=["oil/temperature"])
    assert [c.device_id for c in world.incidents()] == [leak, sensors, sensors, later, later]


def test_silence_and_gaps_are_one_case(world: CaseWorld):
    device = world.device()
    world.find(device, kind="gap", metrics=["a/x"], onset_at=world.now - timedelta(days=1))
    world.find(device, kind="silence", metrics=[])
    (case,) = world.incidents()
    assert world.payloads("IncidentOpened") == [{"incident_id": case.id, "device_id": device}]


def test_devices_do_not_share_cases(world: CaseWorld):
    world.find(world.device())
    world.find(world.device())
    assert len(world.incidents()) == 2


def test_an_unsure_finding_opens_nothing_but_joins(world: CaseWorld):
    device = world.device()
    unsure = world.find(device, confidence=0.3)
    assert world.incidents() == []
    world.find(device, kind="stuck")
    world.update(unsure, severity=0.95)
    (case,) = world.incidents()
    assert case.severity == 0.95


def test_an_unsure_finding_that_becomes_sure_opens_a_case(world: CaseWorld):
    finding = world.find(world.device(), confidence=0.3)
    world.update(finding, confidence=0.8)
    assert len(world.incidents()) == 1


def test_the_least_confidence_can_be_set(world: CaseWorld):
    device = world.device()
    with world.database.transaction() as session:
        record = put_finding(session, device, world.now, "f", {"confidence": 0.3})
        service.absorb(
            session,
            [record],
            now=world.now,
            settings=world.settings,
            grouping=Grouping(least_confidence=0.2),
        )
    assert len(world.incidents()) == 1


@pytest.mark.parametrize("ended_days_ago", [0.5, 300])
def test_a_problem_that_is_over_when_found_opens_nothing(world: CaseWorld, ended_days_ago: float):
    onset = world.now - timedelta(days=301)
    ended = world.now - timedelta(days=ended_days_ago)
    world.find(world.device(), onset_at=onset, ended_at=ended, detected_at=world.now)
    assert world.incidents() == []
    assert world.events().count("IncidentOpened") == 0


@pytest.mark.parametrize("days_ago", [0, 300])
def test_a_problem_that_ended_after_it_was_found_is_a_watched_case(
    world: CaseWorld, days_ago: float
):
    """Replayed in one batch or in many: found and ended is the same case as found, then ended."""
    found = world.now - 3 * MINUTE - timedelta(days=days_ago)
    world.find(world.device(), onset_at=found, detected_at=found, ended_at=found + 2 * MINUTE)
    (case,) = world.incidents()
    assert case.state is IncidentState.RECOVERING
    assert world.events().index("IncidentOpened") < world.events().index("IncidentRecovered")


def test_a_case_recovers_when_its_last_finding_ends(world: CaseWorld):
    device = world.device()
    first, second = world.find(device), world.find(device, kind="stuck")
    world.end(first)
    assert world.incidents()[0].state is IncidentState.OPEN
    world.clock.advance(seconds=60)
    world.end(second)
    (case,) = world.incidents()
    assert case.state is IncidentState.RECOVERING
    assert case.recovered_at == world.now
    assert case.watch_until == world.now + timedelta(seconds=world.settings.recovery_watch_s)


def test_a_recovered_case_closes_after_its_watch_and_not_before(world: CaseWorld):
    world.end(world.find(world.device()))
    world.wait(seconds=world.settings.recovery_watch_s - 1)
    assert world.incidents()[0].state is IncidentState.RECOVERING
    world.wait(seconds=1)
    (case,) = world.incidents()
    assert (case.state, case.closed_at) == (IncidentState.CLOSED, world.now)
    assert world.events().count("IncidentClosed") == 1


def test_a_relapse_within_the_watch_opens_the_same_case(world: CaseWorld):
    device = world.device()
    world.end(world.find(device))
    world.wait(minutes=10)
    world.find(device)
    (case,) = world.incidents()
    assert (case.state, case.reopened_count) == (IncidentState.OPEN, 1)
    assert case.watch_until is None
    assert world.events().count("IncidentRelapsed") == 1


def test_a_relapse_after_closing_is_a_new_case_that_names_the_old(world: CaseWorld):
    device = world.device()
    world.end(world.find(device))
    world.wait(minutes=20)
    world.find(device)
    old, new = world.incidents()
    assert (new.previous_id, new.state) == (old.id, IncidentState.OPEN)
    assert old.state is IncidentState.CLOSED


def test_in_replayed_history_the_watch_goes_by_the_samples_time(world: CaseWorld):
    """A month in a minute: what came back days later is a new case, within the hour the same."""
    device, then = world.device(), world.now - timedelta(days=60)
    first = world.find(device, onset_at=then, detected_at=then)
    world.update(first, ended_at=then + 30 * MINUTE)
    soon = then + 40 * MINUTE
    second = world.find(device, onset_at=soon, detected_at=soon)
    assert len(world.incidents()) == 1
    world.update(second, ended_at=then + 60 * MINUTE)
    late = then + timedelta(days=3)
    world.find(device, onset_at=late, detected_at=late)
    old, new = world.incidents()
    assert (old.state, new.state) == (IncidentState.CLOSED, IncidentState.OPEN)
    assert (old.reopened_count, new.previous_id) == (1, old.id)


def test_one_batch_of_replayed_history_keeps_cases_apart(world: CaseWorld):
    device, then = world.device(), world.now - timedelta(days=60)
    first = world.find(device, onset_at=then, detected_at=then)
    with world.database.transaction() as session:
        old = session.get_one(service.FindingRecord, first)
        old.ended_at = then + 30 * MINUTE
        late = then + timedelta(days=3)
        fields = {"onset_at": late, "detected_at": late}
        new = put_finding(session, device, world.now, "late", fields)
        service.absorb(session, [new, old], now=world.now, settings=world.settings)
    assert [c.state for c in world.incidents()] == [IncidentState.CLOSED, IncidentState.OPEN]
    names = [name for name in world.events() if name.startswith("Incident")]
    assert names == ["IncidentOpened", "IncidentRecovered", "IncidentClosed", "IncidentOpened"]


def test_an_old_finding_that_is_over_does_not_date_back_a_present_case(world: CaseWorld):
    device = world.device()
    world.find(device)
    then = world.now - timedelta(days=100)
    world.find(device, onset_at=then, detected_at=world.now, ended_at=then + MINUTE)
    (case,) = world.incidents()
    assert case.onset_at > then + timedelta(days=99)


def test_the_database_itself_refuses_two_active_cases_on_one_component(world: CaseWorld):
    device = world.device()
    world.find(device)
    (case,) = world.incidents()
    with pytest.raises(IntegrityError), world.database.transaction() as session:
        session.add(
            Incident(
                device_id=device,
                component=case.component,
                kind="drift",
                state=IncidentState.OPEN,
                severity=0.5,
                leading_finding_id=case.leading_finding_id,
                opened_at=world.now,
                onset_at=world.now,
                reopened_count=0,
            )
        )

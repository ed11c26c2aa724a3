"""Verdicts and thumbs become labels, labels a caution: versioned, reversible, obeyed, replayed."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from anomaly import EngineSettings
from anomaly.tuning import CAUTION_RANGE, Label
from field_service import JobAction, Outcome
from server.account.viewer import Role
from server.detection import endpoints, replaying, repository, tuning
from server.detection.model import CohortTuning, FindingLabel
from server.device.model import Device
from server.job import opening, service
from server.job.service import Step
from server.kit.errors import BadInput, NotFound
from server.telemetry.memory import MemoryTelemetryStore
from server.telemetry.samples import SampleBatch, SeriesKey
from server.ticket import service as tickets
from server.ticket.service import Changes
from server.ticket.states import Feedback
from tests.server.incident.case_world import CaseWorld

COHORT = "freezer x2"
FOUND = {"component": "compressor", "work_done": "replaced"}


def freezer(world: CaseWorld, owner=None) -> str:
    device_id = world.device(owner)
    with world.database.transaction() as session:
        session.get_one(Device, device_id).model = " Freezer X2"
    return device_id


def visit(world: CaseWorld, technician, verdict: Outcome) -> None:
    """The newest job, done."""
    job = world.jobs()[-1].id
    found = FOUND if verdict in (Outcome.CONFIRMED, Outcome.DIFFERENT_FAULT) else {}
    for action in (JobAction.TRAVEL, JobAction.START, JobAction.FINISH):
        ending = {"verdict": verdict, **found} if action is JobAction.FINISH else {}
        with world.database.transaction() as session:
            service.transition(
                session, technician, job, Step(action=action, **ending), now=world.now
            )
    world.dispatcher.drain()


def versions(world: CaseWorld) -> list[CohortTuning]:
    with world.database.reading() as session:
        return list(repository.tunings(session, COHORT))[::-1]


def labels(world: CaseWorld) -> list[FindingLabel]:
    with world.database.reading() as session:
        return list(repository.current_labels(session, COHORT))


def test_visits_for_nothing_make_the_model_quieter_step_by_step(world: CaseWorld):
    technician, _ = world.user(Role.TECHNICIAN)
    for _ in range(3):
        world.find(freezer(world))
        visit(world, technician, Outcome.NO_FAULT_FOUND)
    made = versions(world)
    assert [row.version for row in made] == [1, 2, 3]
    assert 1 < made[0].caution < made[1].caution < made[2].caution < CAUTION_RANGE[1]
    assert made[2].counts == {"no_fault": 3}
    assert {(row.kind, row.component) for row in labels(world)} == {("drift", "compressor")}
    assert world.parked() == []


def test_confirmed_faults_make_it_stricter_and_causes_outside_change_nothing(world: CaseWorld):
    technician, _ = world.user(Role.TECHNICIAN)
    world.find(freezer(world))
    visit(world, technician, Outcome.EXTERNAL_CAUSE)
    assert versions(world) == []
    world.find(freezer(world))
    visit(world, technician, Outcome.CONFIRMED)
    assert versions(world)[-1].caution < 1


def test_a_fault_that_no_finding_announced_is_a_missed_one(world: CaseWorld):
    owner, _ = world.user(Role.OWNER)
    technician, _ = world.user(Role.TECHNICIAN)
    device = freezer(world, owner)
    with world.database.transaction() as session:
        ticket = tickets.ask(
            session, owner, device_id=device, subject="Not cold", now=world.now,
            settings=world.settings,
        )  # fmt: skip
        opening.open_job(session, ticket, kind="", metrics=[], now=world.now)
    visit(world, technician, Outcome.CONFIRMED)
    (label,) = labels(world)
    assert (label.label, label.kind) == (Label.MISSED, "")
    assert versions(world)[-1].caution < 0.8


def test_a_thumb_counts_changes_and_is_taken_back(world: CaseWorld):
    owner, _ = world.user(Role.OWNER)
    world.find(freezer(world, owner), severity=0.3)
    (ticket,) = world.tickets()
    told = []
    for thumb in (Feedback.NOT_USEFUL, Feedback.USEFUL, None):
        with world.database.transaction() as session:
            tickets.change(
                session, owner, ticket.id, Changes(rate=True, feedback=thumb), now=world.now
            )
        world.dispatcher.drain()
        told.append([row.label for row in labels(world)])
    assert told == [["not_useful"], ["useful"], []]
    assert [row.caution for row in versions(world)][-1] == 1.0
    assert len(versions(world)) == 3, "every word stays on record"


def test_what_a_person_sets_holds_until_the_labels_may_decide_again(world: CaseWorld):
    technician, _ = world.user(Role.TECHNICIAN)
    world.find(freezer(world))
    with world.database.transaction() as session:
        tuning.set_by_hand(session, COHORT, 1.9, by="Ann", now=world.now)
    visit(world, technician, Outcome.NO_FAULT_FOUND)
    assert [row.caution for row in versions(world)] == [1.9]
    with world.database.transaction() as session:
        tuning.follow_labels(session, COHORT, by="Ann", now=world.now)
        reverted = tuning.revert(session, COHORT, 1, by="Bob", now=world.now)
        assert (reverted.version, reverted.caution, reverted.reverted_to) == (3, 1.9, 1)
        assert tuning.revert(session, COHORT, 0, by="Bob", now=world.now).caution == 1.0


def test_a_label_taken_back_no_longer_counts(world: CaseWorld):
    technician, _ = world.user(Role.TECHNICIAN)
    world.find(freezer(world))
    visit(world, technician, Outcome.NO_FAULT_FOUND)
    (label,) = labels(world)
    with world.database.transaction() as session:
        tuning.take_back(session, label.source, now=world.now)
        assert tuning.device_cautions(session) == {label.device_id: 1.0}
        with pytest.raises(NotFound, match="job:99"):
            tuning.take_back(session, "job:99", now=world.now)


def test_bad_wishes_are_refused_with_the_reason(world: CaseWorld):
    freezer(world)
    with world.database.transaction() as session:
        with pytest.raises(BadInput, match=r"caution: must be 0\.5\.\.2"):
            tuning.set_by_hand(session, COHORT, 7.0, by="", now=world.now)
        with pytest.raises(NotFound, match="no device is of the model 'toaster'"):
            tuning.set_by_hand(session, "toaster", 1.0, by="", now=world.now)
        with pytest.raises(NotFound, match="has no version 4"):
            tuning.revert(session, COHORT, 4, by="", now=world.now)


def stored(device_id: str, until_s: float, days: int = 40) -> MemoryTelemetryStore:
    """A quiet compressor; a small lasting shift in the last ten days."""
    store, count = MemoryTelemetryStore(), days * 288
    times = until_s - 300.0 * np.arange(count, 0, -1)
    values = 8 + 0.2 * np.random.default_rng(2).standard_normal(count)
    values[-10 * 288 :] += 0.18
    series = store.series_id(SeriesKey(device_id, "compressor/current"), "A")
    batch = SampleBatch(np.full(count, series, np.int32), times, values)
    store.append(batch, stream="s", position=1)
    return store


def test_last_month_under_another_caution(world: CaseWorld):
    technician, _ = world.user(Role.TECHNICIAN)
    device = freezer(world)
    world.find(device)
    visit(world, technician, Outcome.NO_FAULT_FOUND)
    question = replaying.Question(
        COHORT, (0.5, 2.0), world.now - timedelta(days=20), world.now + timedelta(seconds=1)
    )
    with world.database.reading() as session:
        about = replaying.known(session, question)
    store = stored(device, world.now.timestamp())
    strict, quiet = replaying.replay(store, question, about, EngineSettings())
    assert strict.findings >= strict.devices_with_findings == 1
    assert quiet.findings == 0
    assert (strict.no_fault, strict.no_fault_repeated) == (1, 1)
    assert (quiet.no_fault, quiet.no_fault_repeated) == (1, 0)
    assert replaying.replay(store, question, about, EngineSettings()) == [strict, quiet]
    with world.database.reading() as session, pytest.raises(BadInput, match="'toaster'"):
        replaying.known(session, replaying.Question("toaster", (1.0,), question.since, world.now))
    with pytest.raises(BadInput, match="days: must be above 0"):
        replaying.Question(COHORT, (1.0,), world.now, world.now)


def test_one_replay_at_a_time(world: CaseWorld, monkeypatch):
    monkeypatch.setattr(replaying, "TURN_S", 0.01)
    device = freezer(world)
    with world.database.reading() as session:
        wish = replaying.asked(session, COHORT, 2.0, 1, now=world.now)
    store = stored(device, world.now.timestamp())

    def again(_share: float, _doing: str) -> None:
        replaying.replay(store, wish.question, wish.about, EngineSettings())

    with pytest.raises(replaying.ReplayUnderWay, match="another replay"):
        replaying.replay(store, wish.question, wish.about, EngineSettings(), again)
    one, other = replaying.replay(store, wish.question, wish.about, EngineSettings())
    assert (one.caution, other.caution) == (wish.holds, 2.0)


def test_the_desk_sees_changes_and_replays_over_the_api(world: CaseWorld, web_client):
    _, token = world.user(Role.STAFF)
    device = freezer(world)
    client = web_client(endpoints.router)
    client.app.state.telemetry = stored(device, world.now.timestamp())
    client.use_token(token)
    at = {"cohort": COHORT}
    assert [row["version"] for row in client.get("/tuning").json()] == [0]
    made = client.post("/tuning/cohort", params=at, json={"caution": 1.5}).json()
    assert (made["version"], made["origin"], made["caution"]) == (1, "hand", 1.5)
    assert client.post("/tuning/cohort", params=at, json={}).status_code == 422
    both = {"caution": 1.0, "follow_labels": True}
    assert client.post("/tuning/cohort", params=at, json=both).status_code == 422
    detail = client.get("/tuning/cohort", params=at).json()
    assert [row["version"] for row in detail["versions"]] == [1]
    answers = client.get("/tuning/replay", params={**at, "caution": 0.5, "days": 20}).json()
    assert [answer["caution"] for answer in answers] == [1.5, 0.5]
    assert answers[1]["findings"] >= answers[0]["findings"]
    assert client.get("/tuning/cohort", params={"cohort": "toaster"}).status_code == 404


def test_owners_and_technicians_do_not_tune(world: CaseWorld, web_client):
    client = web_client(endpoints.router)
    for role in (Role.OWNER, Role.TECHNICIAN):
        client.use_token(world.user(role)[1])
        assert client.get("/tuning").status_code == 403

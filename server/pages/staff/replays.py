"""A model's last days under another caution: the question, and the answer or what stood in its way."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from anomaly import EngineSettings
from server.detection import replaying
from server.detection.replaying import Answer, Progress, ReplayUnderWay, Wish
from server.kit.web import WebContext
from server.telemetry.errors import StoreError
from server.telemetry.store import TelemetryStore

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Answers, or in `trouble` why there are none: "empty", "store" or "busy"."""

    holds: float
    days: int
    answers: list[Answer] = field(default_factory=list)
    trouble: str = ""


def asked(web: WebContext, cohort: str, caution: float, days: int, *, now: datetime) -> Wish:
    """Raises BadInput when no device is of the cohort."""
    with web.database.reading() as session:
        return replaying.asked(session, cohort, caution, days, now=now)


def replayed(
    store: TelemetryStore, wish: Wish, settings: EngineSettings,
    tell: Progress = lambda _share, _doing: None,
) -> Outcome:  # fmt: skip
    """A store that does not answer is an outcome, too: the reader is told what to do."""
    question = wish.question
    days = round((question.until - question.since) / timedelta(days=1))
    try:
        answers = replaying.replay(store, question, wish.about, settings, tell)
    except StoreError as error:
        log.warning("a replay of %r found the store in trouble: %s", question.cohort, error)
        return Outcome(wish.holds, days, trouble="store")
    except ReplayUnderWay:
        return Outcome(wish.holds, days, trouble="busy")
    if not any(answer.readings for answer in answers):
        return Outcome(wish.holds, days, trouble="empty")
    return Outcome(wish.holds, days, answers)

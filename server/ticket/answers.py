"""The four answers of a ticket, as facts: pages say them in the reader's language, the API in English."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from server.account import repository as accounts
from server.detection.model import FindingRecord
from server.incident import repository as incidents
from server.kit.settings import Settings
from server.ticket.model import Ticket
from server.ticket.states import QUEUE_ESCALATIONS


@dataclass(frozen=True, slots=True)
class FourAnswers:
    """Noticed (what, since when), by when, who, what if late. Times are UTC."""

    noticed_kind: str | None
    """A finding's kind; None where a person asked."""
    noticed_component: str
    noticed_metrics: tuple[str, ...]
    noticed_sentence: str
    """Plain English: the leading finding's sentence, or what the person wrote."""
    since: datetime
    noticed_at: datetime
    due_at: datetime
    promised_at: datetime
    responsible_id: int | None
    responsible_name: str | None
    queue: str
    announce_by: datetime
    """The owner hears of a delay by then at the latest."""
    escalates_to: str

    @property
    def delayed(self) -> bool:
        return self.due_at > self.promised_at

    def in_english(self) -> dict[str, str]:
        """One sentence an answer."""
        who = self.responsible_name or f"the queue “{self.queue}”"
        return {
            "noticed": f"{self.noticed_sentence.rstrip('.')}. Since {_moment(self.since)}.",
            "by_when": f"It will be dealt with by {_moment(self.due_at)}.",
            "who": f"Responsible: {who}.",
            "if_late": (
                f"If this slips, we tell you by {_moment(self.announce_by)} and the case goes to "
                f"the queue “{self.escalates_to}”."
            ),
        }


def four_answers(session: Session, ticket: Ticket, settings: Settings) -> FourAnswers:
    """What the ticket says from its first second."""
    incident = (
        incidents.incident_by_id(session, ticket.incident_id)
        if ticket.incident_id is not None
        else None
    )
    finding = session.get(FindingRecord, incident.leading_finding_id) if incident else None
    assignee = (
        accounts.user_by_id(session, ticket.assignee_id) if ticket.assignee_id is not None else None
    )
    warning = timedelta(hours=settings.sla_hours) * (1 - settings.sla_warning_share)
    return FourAnswers(
        noticed_kind=incident.kind if incident else ticket.subject_code,
        noticed_component=incident.component if incident else "",
        noticed_metrics=tuple(map(str, finding.metrics)) if finding else (),
        noticed_sentence=finding.sentence if finding else (ticket.subject or ""),
        since=incident.onset_at if incident else ticket.opened_at,
        noticed_at=ticket.opened_at,
        due_at=ticket.due_at,
        promised_at=ticket.promised_at,
        responsible_id=ticket.assignee_id,
        responsible_name=assignee.name if assignee else None,
        queue=ticket.queue,
        announce_by=ticket.due_at - warning,
        escalates_to=QUEUE_ESCALATIONS,
    )


def _moment(time: datetime) -> str:
    return f"{time:%-d %B %Y %H:%M} UTC"

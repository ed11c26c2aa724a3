"""The only SQL on tickets."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from server.ticket.model import Ticket
from server.ticket.states import UNFINISHED, Priority, TicketState


def ticket_by_id(session: Session, ticket_id: int) -> Ticket | None:
    return session.get(Ticket, ticket_id)


def ticket_of_incident(session: Session, incident_id: int) -> Ticket | None:
    return session.scalar(select(Ticket).where(Ticket.incident_id == incident_id))


def tickets_of_incidents(session: Session, incident_ids: Collection[int]) -> dict[int, Ticket]:
    """By incident id; one query for a whole list."""
    if not incident_ids:
        return {}
    rows = session.scalars(select(Ticket).where(Ticket.incident_id.in_(incident_ids)))
    return {row.incident_id: row for row in rows if row.incident_id is not None}


def load_of(session: Session, user_ids: Collection[int]) -> dict[int, int]:
    """Unfinished tickets of each user; 0 for those without."""
    rows = session.execute(
        select(Ticket.assignee_id, func.count())
        .where(Ticket.assignee_id.in_(user_ids), Ticket.state.in_(UNFINISHED))
        .group_by(Ticket.assignee_id)
    )
    counted = {row[0]: row[1] for row in rows}
    return {user_id: counted.get(user_id, 0) for user_id in user_ids}


def tickets(
    session: Session,
    *,
    owner_id: int | None = None,
    states: Collection[TicketState] = (),
    device_id: str | None = None,
    assignee_id: int | None = None,
    unassigned: bool = False,
    before_id: int | None = None,
    limit: int = 50,
) -> Sequence[Ticket]:
    """Newest first."""
    query = select(Ticket).order_by(Ticket.id.desc()).limit(limit)
    if owner_id is not None:
        query = query.where(Ticket.owner_id == owner_id)
    if states:
        query = query.where(Ticket.state.in_(states))
    if device_id is not None:
        query = query.where(Ticket.device_id == device_id)
    if assignee_id is not None:
        query = query.where(Ticket.assignee_id == assignee_id)
    if unassigned:
        query = query.where(Ticket.assignee_id.is_(None))
    if before_id is not None:
        query = query.where(Ticket.id < before_id)
    return session.scalars(query).all()


def by_urgency(session: Session, *, limit: int) -> Sequence[Ticket]:
    """Unfinished tickets, the most urgent first, then the one due first."""
    rank = case({p.value: p.rank for p in Priority}, value=Ticket.priority, else_=0)
    return session.scalars(
        select(Ticket)
        .where(Ticket.state.in_(UNFINISHED))
        .order_by(rank.desc(), Ticket.due_at, Ticket.id)
        .limit(limit)
    ).all()


def due_by(session: Session, time: datetime) -> Sequence[Ticket]:
    """Unfinished tickets that are due by `time`."""
    return session.scalars(
        select(Ticket)
        .where(Ticket.state.in_(UNFINISHED), Ticket.due_at <= time)
        .order_by(Ticket.id)
    ).all()


def tickets_touching(
    session: Session, device_id: str, *, since: datetime, until: datetime
) -> Sequence[Ticket]:
    """Tickets of a device that were open at some time in [since, until), oldest first."""
    return session.scalars(
        select(Ticket)
        .where(
            Ticket.device_id == device_id,
            Ticket.opened_at < until,
            Ticket.closed_at.is_(None) | (Ticket.closed_at >= since),
        )
        .order_by(Ticket.opened_at, Ticket.id)
    ).all()

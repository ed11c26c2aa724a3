"""Who does what among several processes: each piece of work is leased to one of them, for a while.

A lease is a row in the records with an epoch that grows with every new holder. A process renews what it
holds; when it is gone, its leases run out and the others take them. Whoever writes on the strength of a
lease proves in the same transaction that it still holds it (`prove`): a process that slept through its
lease can't overwrite what its successor wrote. Work is spread evenly over the living.

Time is the database's own, so that clocks which differ between machines matter to nobody.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, String, and_, delete, func, not_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import InstrumentedAttribute, Mapped, Session, mapped_column

from server.kit.clock import Clock
from server.kit.database import Base, Database
from server.kit.errors import ForewarnError

log = logging.getLogger(__name__)


class LeaseLost(ForewarnError):
    """Another process holds it now: drop everything that was done on its strength."""

    status = 503
    title = "Taken over by another process"


class Lease(Base):
    """A piece of work and who does it; `epoch` counts its holders."""

    __tablename__ = "lease"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    holder: Mapped[str] = mapped_column(String(100))
    epoch: Mapped[int]
    expires_at: Mapped[datetime]


class LeaseMember(Base):
    """A process that is ready for work; forgotten when it was not heard of for a while."""

    __tablename__ = "lease_member"

    holder: Mapped[str] = mapped_column(String(100), primary_key=True)
    expires_at: Mapped[datetime]


@dataclass(frozen=True, slots=True)
class Held:
    """One lease of ours: what to prove, and by what name."""

    name: str
    holder: str
    epoch: int


class Leases:
    """The leases of one process on `names`. Call `renew` several times within `ttl_s`."""

    def __init__(
        self,
        records: Database,
        holder: str,
        names: Sequence[str],
        *,
        ttl_s: float,
        clock: Clock,
    ) -> None:
        self._records = records
        self._holder = holder
        self._names = tuple(names)
        self._ttl = timedelta(seconds=ttl_s)
        self._clock = clock

    def renew(self) -> list[Held]:
        """Stay alive, keep what is ours, take what is free up to our share; what we hold now."""
        with self._records.transaction(apart=True) as session:
            now = self._now(session)
            until = now + self._ttl
            alive = self._join(session, now, until)
            mine = self._keep(session, until)
            wanted = -(-len(self._names) // alive) - len(mine)
            if wanted > 0:
                mine += self._take(session, now, until, wanted)
        return sorted(mine, key=lambda held: self._names.index(held.name))

    def surplus(self, held: Sequence[Held]) -> list[Held]:
        """What others should have, now that there are more of us; end the work, then `release`."""
        with self._records.reading() as session:
            alive = self._alive(session, self._now(session))
        return list(held[-(-len(self._names) // max(alive, 1)) :])

    def release(self, held: Held) -> None:
        """Anybody may take it at once."""
        with self._records.transaction(apart=True) as session:
            now = self._now(session)
            session.execute(update(Lease).where(_ours(held)).values(expires_at=now))

    def leave(self) -> None:
        """No longer among the living: our share is the others'."""
        with self._records.transaction(apart=True) as session:
            session.execute(delete(LeaseMember).where(LeaseMember.holder == self._holder))

    def _join(self, session: Session, now: datetime, until: datetime) -> int:
        insert = _insert(session)
        statement = insert(LeaseMember).values(holder=self._holder, expires_at=until)
        session.execute(
            statement.on_conflict_do_update(
                index_elements=["holder"], set_={"expires_at": statement.excluded.expires_at}
            )
        )
        return self._alive(session, now)

    def _alive(self, session: Session, now: datetime) -> int:
        living = self._runs_on(LeaseMember.expires_at, now)
        query = select(func.count()).select_from(LeaseMember).where(living)
        return session.scalar(query) or 0

    def _keep(self, session: Session, until: datetime) -> list[Held]:
        """Also what has run out, as long as nobody took it."""
        kept = session.execute(
            update(Lease)
            .where(Lease.holder == self._holder, Lease.name.in_(self._names))
            .values(expires_at=until)
            .returning(Lease.name, Lease.epoch)
        )
        return [Held(name, self._holder, epoch) for name, epoch in kept]

    def _take(self, session: Session, now: datetime, until: datetime, count: int) -> list[Held]:
        held_by_others = select(Lease.name).where(self._runs_on(Lease.expires_at, now))
        busy = set(session.scalars(held_by_others))
        taken: list[Held] = []
        for name in (name for name in self._names if name not in busy):
            if len(taken) == count:
                break
            insert = _insert(session)
            statement = insert(Lease).values(
                name=name, holder=self._holder, epoch=1, expires_at=until
            )
            # Whoever was quicker has renewed it: then this changes nothing and returns nothing.
            epoch = session.scalar(
                statement.on_conflict_do_update(
                    index_elements=["name"],
                    set_={
                        "holder": self._holder,
                        "epoch": Lease.epoch + 1,
                        "expires_at": statement.excluded.expires_at,
                    },
                    where=not_(self._runs_on(Lease.expires_at, now)),
                ).returning(Lease.epoch)
            )
            if epoch is not None:
                taken.append(Held(name, self._holder, epoch))
        return taken

    def _runs_on(
        self, expires_at: InstrumentedAttribute[datetime], now: datetime
    ) -> ColumnElement[bool]:
        """Not run out; nor longer than anybody is given: then the clock was set back since."""
        return and_(expires_at > now, expires_at <= now + 2 * self._ttl)

    def _now(self, session: Session) -> datetime:
        if session.get_bind().dialect.name == "postgresql":
            return session.scalar(select(func.clock_timestamp())) or self._clock.now()
        return self._clock.now()


def prove(session: Session, held: Held) -> None:
    """The lease is ours until this transaction ends. Raises LeaseLost."""
    # FOR SHARE: whoever wants to take it over waits until we have committed.
    query = select(Lease.epoch).where(_ours(held)).with_for_update(read=True)
    if session.scalar(query) is None:
        raise LeaseLost(f"{held.name} was taken over from {held.holder}")


def _ours(held: Held) -> ColumnElement[bool]:
    return and_(Lease.name == held.name, Lease.holder == held.holder, Lease.epoch == held.epoch)


def _insert(session: Session):  # type: ignore[no-untyped-def]  # noqa: ANN202
    return postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert

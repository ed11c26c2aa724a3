"""What the clock starts, and how often: the one table."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from server.app.daily_watch import DailyWatch
from server.app.foresight import Foresight
from server.app.limit_watch import LimitWatch
from server.app.timers import Timer
from server.command.handlers import CommandHandlers
from server.incident.service import close_watched
from server.ingest import quarantine
from server.kit.clock import Clock
from server.kit.clock_watch import ClockWatch
from server.kit.database import Database
from server.kit.events import prune
from server.kit.settings import Settings
from server.telemetry.store import TelemetryStore
from server.ticket.lifecycle import announce_delays

_HOUR_S = 3600.0
_UPKEEP_S = 15.0
_LEARN_S = 6 * _HOUR_S
_WATCH_S = 2.0
_QUARANTINE_TICK_S = 300.0
_DAILY_TICK_S = 600.0
_LIMITS_S = 900.0
_SOON_S = 60.0
_EVENTS_KEPT = timedelta(days=7)
_QUARANTINED = timedelta(days=30)

Work = Callable[[Session, datetime], object]


def schedule(
    records: Database,
    telemetry: TelemetryStore,
    commands: CommandHandlers,
    clock: Clock,
    settings: Settings,
    after_commit: Callable[[], None],
) -> list[Timer]:
    """The table, each row a transaction of its own, run in a thread beside the event loop."""

    def on_records(name: str, every_s: float, work: Work) -> Timer:
        def run() -> None:
            with records.transaction() as session:
                work(session, clock.now())
            after_commit()

        return Timer(name, every_s, lambda: asyncio.to_thread(run))

    clock_watch = ClockWatch(clock)

    def when_believed(work: Work) -> Work:
        """What is forgotten does not come back: not on the word of a clock that jumped ahead."""
        return lambda session, now: work(session, now) if clock_watch.believed() else None

    async def forget_old_samples() -> None:
        if telemetry.capabilities.forgets_when_asked and clock_watch.believed():
            await asyncio.to_thread(telemetry.forget, clock.now().timestamp())

    async def roll_up() -> None:
        await asyncio.to_thread(telemetry.upkeep, clock.now().timestamp())

    daily = DailyWatch(records, telemetry, clock, settings, after_commit)
    limits = LimitWatch(records, telemetry, clock, after_commit)
    foresight = Foresight(records, telemetry, clock, settings, after_commit)
    return [
        on_records("sending commands again", 5, lambda s, now: commands.sweep(s, now=now)),
        on_records("closing watched cases", 10, lambda s, now: close_watched(s, now=now)),
        on_records(
            "announcing delays", 30, lambda s, now: announce_delays(s, now=now, settings=settings)
        ),
        Timer("watching the clock", _WATCH_S, _as_async(clock_watch.look)),
        on_records(
            "forgetting handled events",
            _HOUR_S,
            when_believed(lambda s, now: prune(s, before=now - _EVENTS_KEPT)),
        ),
        on_records(
            "forgetting old quarantine",
            _QUARANTINE_TICK_S,
            when_believed(lambda s, now: quarantine.prune(s, received_before=now - _QUARANTINED)),
        ),
        Timer("comparing devices and metrics", _DAILY_TICK_S, _in_thread(daily.look)),
        Timer("looking ahead to limits", _LIMITS_S, _in_thread(limits.look), _SOON_S),
        Timer("rolling up samples", _UPKEEP_S, roll_up),
        Timer("forgetting old samples", _HOUR_S, forget_old_samples),
        Timer("looking ahead by fleet models", _HOUR_S, foresight.look_ahead),
        Timer("learning from failures", _LEARN_S, foresight.learn_all),
    ]


def _in_thread(look: Callable[[], object]) -> Callable[[], Awaitable[None]]:
    """Beside the event loop: for what reads the store."""

    async def run() -> None:
        await asyncio.to_thread(look)

    return run


def _as_async(look: Callable[[], object]) -> Callable[[], Awaitable[None]]:
    """In the event loop itself: for what takes no time."""

    async def run() -> None:
        look()

    return run

"""The table of reactions is complete: every event is answered, or known to be for live pages only."""

from __future__ import annotations

import pkgutil
from importlib import import_module

import server
from server.command.handlers import CommandHandlers, RecordingSender
from server.kit.clock import ManualClock
from server.kit.events import Event
from server.kit.settings import Settings
from server.reactions import reactions

# What pages that are open look at again; nothing else follows from it.
LIVE_ONLY = {
    "CommandFinished",
    "DeviceAdded",
    "DeviceWentOffline",
    "JobMoved",
    "MessagePosted",
    "TicketStateChanged",
}


class NoGate:
    def disconnect(self, device_id: str) -> None:
        raise AssertionError(device_id)


def test_every_event_has_its_row_or_its_reason(clock: ManualClock) -> None:
    for package in pkgutil.iter_modules(server.__path__, "server."):
        if package.ispkg:
            names = {m.name for m in pkgutil.iter_modules(import_module(package.name).__path__)}
            if "events" in names and package.name != "server.kit":
                import_module(f"{package.name}.events")
    table = reactions(CommandHandlers(RecordingSender(), clock), NoGate(), clock, Settings())
    events = {
        name
        for name, kind in Event.registry.items()
        if kind.__module__.startswith("server.") and not kind.__subclasses__()
    }
    answered = {kind.__name__ for kind in table}
    assert events - answered == LIVE_ONLY
    assert all(table.values())

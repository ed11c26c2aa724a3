"""What the owner's pages show, gathered from the features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from server.account.viewer import Viewer
from server.device import service as devices
from server.device.model import Device
from server.pages.case_views import CaseView, OpenCase, case_views, open_cases
from server.pages.language.reader import Reader
from server.pages.wording.conditions import Condition, condition
from server.ticket import service as tickets
from server.ticket.states import UNFINISHED

MOST_DEVICES = 200
"""Of an owner, on one page; who has more is a company and gets search."""

_ORDER = {"bad": 0, "warn": 1, "notice": 2, "quiet": 3, "good": 4}


@dataclass(frozen=True, slots=True)
class DeviceView:
    device: Device
    condition: Condition
    case: OpenCase | None


@dataclass(frozen=True, slots=True)
class HomeView:
    """What needs a look stands first."""

    devices: list[DeviceView]
    cases: list[CaseView]
    more: bool

    @property
    def troubled(self) -> int:
        return sum(view.condition.tone in {"bad", "warn"} for view in self.devices)

    @property
    def unreachable(self) -> int:
        return sum(view.condition.icon == "wifi-off" for view in self.devices)


def device_views(session: Session, reader: Reader, rows: Sequence[Device]) -> list[DeviceView]:
    cases = open_cases(session, [device.id for device in rows])
    return [
        DeviceView(device, condition(reader, device, cases.get(device.id)), cases.get(device.id))
        for device in rows
    ]


def home_view(session: Session, viewer: Viewer, reader: Reader) -> HomeView:
    rows = devices.visible_devices(session, viewer, limit=MOST_DEVICES + 1)
    views = device_views(session, reader, rows[:MOST_DEVICES])
    views.sort(key=lambda view: (_ORDER[view.condition.tone], view.device.name.casefold()))
    open_tickets = tickets.tickets(session, viewer, states=UNFINISHED, limit=20)
    return HomeView(views, case_views(session, open_tickets), len(rows) > MOST_DEVICES)

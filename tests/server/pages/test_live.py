"""The stream of changes: who hears what, a slow reader, the end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace

from server.device.events import DeviceAdded
from server.pages.live import QUEUE_LENGTH, Broadcast, Change, _may_hear
from server.ticket.events import TicketAssigned, TicketOpened
from tests.server.pages.site import Site
from tests.server.pages.visitor import Visitor


async def settled() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


def test_an_event_names_all_that_it_touched() -> None:
    change = Change.of(TicketOpened(ticket_id=7, incident_id=3, device_id="d"))
    assert set(change.topics) == {("ticket", "7"), ("incident", "3"), ("device", "d")}
    request = Change.of(TicketOpened(ticket_id=8, incident_id=None, device_id="d"))
    assert ("incident", "None") not in request.topics


def test_every_subscriber_hears_until_it_leaves() -> None:
    async def scene() -> None:
        broadcast = Broadcast(asyncio.get_running_loop())
        one, two = broadcast.subscribe(), broadcast.subscribe()
        broadcast.tell(DeviceAdded(device_id="d"))
        await settled()
        assert one.get_nowait() == two.get_nowait() == Change((("device", "d"),), "d")
        broadcast.unsubscribe(two)
        broadcast.tell(DeviceAdded(device_id="e"))
        await settled()
        assert one.qsize() == 1
        assert two.empty()

    asyncio.run(scene())


def test_a_slow_reader_is_told_to_look_at_everything() -> None:
    async def scene() -> None:
        broadcast = Broadcast(asyncio.get_running_loop())
        queue = broadcast.subscribe()
        for number in range(QUEUE_LENGTH + 5):
            broadcast.tell(DeviceAdded(device_id=str(number)))
        await settled()
        first = queue.get_nowait()
        assert first is not None
        assert first.topics == (("reconnected", ""),)
        assert queue.qsize() <= 5

    asyncio.run(scene())


def test_closing_ends_streams_that_are_open_and_those_that_come() -> None:
    async def scene() -> None:
        broadcast = Broadcast(asyncio.get_running_loop())
        queue = broadcast.subscribe()
        broadcast.close()
        await settled()
        assert queue.get_nowait() is None
        assert broadcast.subscribe().get_nowait() is None
        broadcast.tell(DeviceAdded(device_id="d"))  # nobody listens any more; nothing happens

    asyncio.run(scene())


def test_an_owner_hears_of_his_own_only(site: Site, known: SimpleNamespace) -> None:
    web = SimpleNamespace(database=site.database)
    owner, staff = known.users["owner"], known.users["staff"]
    foreign = Change.of(DeviceAdded(device_id="foreign-9"))
    own = Change.of(DeviceAdded(device_id="cold-store-2"))
    assigned = TicketAssigned(ticket_id=known.foreign_ticket, assignee_id=None, queue="support")
    mine = TicketAssigned(ticket_id=known.owner_ticket, assignee_id=None, queue="support")
    assert _may_hear(web, staff, foreign)  # type: ignore[arg-type]
    assert _may_hear(web, owner, own)  # type: ignore[arg-type]
    assert _may_hear(web, owner, Change.of(mine))  # type: ignore[arg-type]
    assert not _may_hear(web, owner, foreign)  # type: ignore[arg-type]
    assert not _may_hear(web, owner, Change.of(assigned))  # type: ignore[arg-type]


def test_strangers_hear_nothing(visit: Callable[..., Visitor]) -> None:
    assert visit().get("/live").status_code == 303

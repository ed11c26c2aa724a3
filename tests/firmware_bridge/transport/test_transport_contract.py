"""The port `Transport` over memory and over a real pseudo-terminal."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import pytest

from firmware_bridge import MemoryLine, PortBusy, PortGone, PortMissing, Transport
from firmware_bridge.transport.serial_port import PortSettings, SerialPort


@dataclass
class Rig:
    transport: Transport
    write: Callable[[bytes], None]
    read: Callable[[int], bytes]
    unplug: Callable[[], None]
    plug: Callable[[], None]
    occupy: Callable[[], Callable[[], None]]
    """Somebody else takes the line; calling the result lets it go."""


def memory_rig() -> Rig:
    here, there = MemoryLine.pair()
    there.open()

    def plug() -> None:
        here.plug()
        there.open()

    def occupy() -> Callable[[], None]:
        here.holder = "somebody (process 7)"

        def release() -> None:
            here.holder = None

        return release

    return Rig(here, there.write, lambda _: there.read(5.0), here.unplug, plug, occupy)


@pytest.fixture(params=["memory", "serial"])
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    if request.param == "memory":
        yield memory_rig()
        return
    plug = request.getfixturevalue("plug")

    def occupy() -> Callable[[], None]:
        other = SerialPort(PortSettings(str(plug.link)))
        other.open()
        return other.close

    port = SerialPort(PortSettings(str(plug.link)))
    yield Rig(port, plug.write, plug.read, plug.unplug, plug.plug, occupy)
    port.close()


def read_all(transport: Transport, size: int) -> bytes:
    got = b""
    end = monotonic() + 20
    while len(got) < size and monotonic() < end:
        got += transport.read(0.2)
    return got


def test_bytes_go_both_ways(rig: Rig) -> None:
    assert rig.transport.open()
    everything = bytes(range(256))
    rig.write(everything)
    assert read_all(rig.transport, 256) == everything
    rig.transport.write(everything)
    assert rig.read(256) == everything


def test_reading_nothing_ends_after_its_time(rig: Rig) -> None:
    rig.transport.open()
    assert rig.transport.read(0.01) == b""


def test_wake_ends_a_read(rig: Rig) -> None:
    rig.transport.open()
    timer = threading.Timer(0.05, rig.transport.wake)
    timer.start()
    started = monotonic()
    assert rig.transport.read(15.0) == b""
    assert monotonic() - started < 10
    timer.join()


def test_unplugged_line_is_gone_and_missing_until_it_is_back(rig: Rig) -> None:
    rig.transport.open()
    rig.unplug()
    with pytest.raises(PortGone):
        rig.transport.read(5.0)
    with pytest.raises(PortMissing):
        rig.transport.open()
    rig.plug()
    rig.transport.open()
    rig.write(b"again")
    assert read_all(rig.transport, 5) == b"again"


def test_held_line_says_by_whom(rig: Rig) -> None:
    release = rig.occupy()
    with pytest.raises(PortBusy, match="is held by"):
        rig.transport.open()
    release()
    assert rig.transport.open()


def test_closed_line_can_be_closed_and_opened_again(rig: Rig) -> None:
    rig.transport.close()
    rig.transport.open()
    rig.transport.close()
    rig.transport.close()
    with pytest.raises(PortGone):
        rig.transport.read(0.1)
    assert rig.transport.open()


def test_paused_line_holds_back_and_then_delivers() -> None:
    here, there = MemoryLine.pair()
    here.open()
    there.open()
    here.pause(on=True)
    there.write(b"late")
    assert here.read(0.01) == b""
    here.pause(on=False)
    assert here.read(1.0) == b"late"


def test_unread_bytes_are_bounded(tmp_path: Path) -> None:
    here, there = MemoryLine.pair()
    here.open()
    there.open()
    for _ in range(3):
        there.write(bytes(1 << 20))
    assert len(here.read(0.1)) == 1 << 20

"""A pseudo-terminal that can be pulled out and put back under the same name, as udev's links do."""

from __future__ import annotations

import os
import tty
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic, sleep

import pytest

HANG_S = 20.0


class Plug:
    """The device's side of a port whose name is ``link``."""

    def __init__(self, link: Path) -> None:
        self.link = link
        self.master: int | None = None

    def plug(self) -> None:
        self.master, slave = os.openpty()
        tty.setraw(self.master)
        os.set_blocking(self.master, False)
        self.link.symlink_to(os.ttyname(slave))
        os.close(slave)

    def unplug(self) -> None:
        if self.master is not None:
            os.close(self.master)
            self.link.unlink()
            self.master = None

    def write(self, data: bytes) -> None:
        assert self.master is not None
        os.write(self.master, data)

    def read(self, size: int) -> bytes:
        """Read exactly so many bytes; fails when they don't come."""
        assert self.master is not None
        got = b""
        end = monotonic() + HANG_S
        while len(got) < size and monotonic() < end:
            try:
                got += os.read(self.master, size - len(got))
            except BlockingIOError:
                sleep(0.005)
        assert len(got) == size
        return got


@pytest.fixture
def plug(tmp_path: Path) -> Iterator[Plug]:
    made = Plug(tmp_path / "usb-Example_1-if00")
    made.plug()
    yield made
    made.unplug()


def until(done: Callable[[], bool], what: str = "it") -> None:
    end = monotonic() + HANG_S
    while not done():
        assert monotonic() < end, f"{what} did not happen"
        sleep(0.005)


@pytest.fixture
def wait() -> Callable[..., None]:
    return until

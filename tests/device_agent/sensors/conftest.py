"""Machines laid down as text: a tree of /proc and /sys to read sensors from, and clocks that are turned."""

from pathlib import Path

import pytest

from device_agent.sampler import Sampler
from device_agent.sensors.port import Around

TREES = Path(__file__).with_name("trees")


class Clock:
    """Stands still until it is turned."""

    def __init__(self, s):
        self.s = s

    def __call__(self):
        return self.s


class Machine:
    """A folder that looks like a machine's root."""

    def __init__(self, root):
        self.root = root
        self.clock = Clock(1000.0)
        self.around = Around(root, self.clock, lambda: 1.7e9 + self.clock.s)

    def lay(self, name):
        for part in (TREES / f"{name}.tree").read_text().split("\n== ")[1:]:
            head, _, text = part.partition("\n")
            path, _, target = head.partition(" -> ")
            if target:
                self.path(path).parent.mkdir(parents=True, exist_ok=True)
                self.path(path).symlink_to(self.path(target))
            else:
                self.write(path, text)
        return self

    def path(self, path):
        return self.root / path.lstrip("/")

    def write(self, path, text):
        self.path(path).parent.mkdir(parents=True, exist_ok=True)
        self.path(path).write_text(text)

    def take(self, sources):
        return Sampler(sources, now=self.around.now, monotonic=self.clock).take_all()

    def values(self, sources):
        taken = self.take(sources)
        assert taken.events == []
        return {reading.name: reading.value for reading in taken.readings}

    def faults(self, sources):
        return {e.detail["sensor"]: e.detail["reason"] for e in self.take(sources).events}


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path / "root")


@pytest.fixture
def pi(machine):
    return machine.lay("raspberry-pi-4")


@pytest.fixture
def gateway(machine):
    return machine.lay("gateway")

"""Who goes: the least loaded technician with the skill. Planning of routes is another matter."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Technician:
    """A person who can be sent. `load` counts unfinished jobs; no skills listed means all of them."""

    id: int
    load: int = 0
    skills: frozenset[str] = frozenset()

    def can(self, skill: str) -> bool:
        return not skill or not self.skills or skill in self.skills


def choose(technicians: Iterable[Technician], skill: str = "") -> Technician | None:
    """The least loaded with `skill`, ties by id; None when nobody has it.

    >>> choose([Technician(2, load=1), Technician(1, load=1), Technician(3, load=4)]).id
    1
    """
    able = [t for t in technicians if t.can(skill)]
    return min(able, key=lambda t: (t.load, t.id), default=None)

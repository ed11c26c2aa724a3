"""An update's life, as a table: what is done in each state, where that leads, and what holds after a power cut.

The state is on disk before its step begins. So whatever a journal says, its step has perhaps begun, perhaps ended, and
doing it again must be right: that is the rule that ``write``, ``start`` and ``revert`` of every flasher keep.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class State(StrEnum):
    """How far an update is."""

    PLANNED = "planned"
    SAVING = "saving"
    WRITING = "writing"
    VERIFYING = "verifying"
    STARTING = "starting"
    PROVING = "proving"
    REVERTING = "reverting"
    DONE = "done"
    REVERTED = "reverted"
    REFUSED = "refused"
    BROKEN = "broken"


ENDS: Final = frozenset({State.DONE, State.REVERTED, State.REFUSED, State.BROKEN})


@dataclass(frozen=True, slots=True)
class Step:
    """One state: the step, where it leads, and what the target holds if power fails in it."""

    does: str
    then: State
    else_: State
    after_a_cut: str
    again_from: State
    """Where a restart goes on."""


TABLE: Final = {
    State.PLANNED: Step(
        "ask the target what it is, compare with image and settings",
        State.SAVING,
        State.REFUSED,
        "its old firmware, untouched",
        State.PLANNED,
    ),
    State.SAVING: Step(
        "read the old firmware out, where that is the way back",
        State.WRITING,
        State.REFUSED,
        "its old firmware, untouched",
        State.PLANNED,
    ),
    State.WRITING: Step(
        "write the image",
        State.VERIFYING,
        State.REVERTING,
        "a part of the image; its boot loader, or its other slot, is whole",
        State.WRITING,
    ),
    State.VERIFYING: Step(
        "compare what was written with the image",
        State.STARTING,
        State.REVERTING,
        "the image, not yet compared",
        State.VERIFYING,
    ),
    State.STARTING: Step(
        "start the image, on trial where the target can",
        State.PROVING,
        State.REVERTING,
        "the image, compared; perhaps it runs",
        State.STARTING,
    ),
    State.PROVING: Step(
        "see it work, then make it stay",
        State.DONE,
        State.REVERTING,
        "the image on trial, or the old firmware, which the target went back to by itself",
        State.PROVING,
    ),
    State.REVERTING: Step(
        "bring the old firmware back",
        State.REVERTED,
        State.BROKEN,
        "a part of the old firmware, or all of it; its boot loader is whole",
        State.REVERTING,
    ),
}

MAX_TRIES: Final = 3
"""A step that was cut off so often by restarts is held to have failed: it may be what cuts the power."""

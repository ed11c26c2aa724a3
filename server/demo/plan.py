"""What the fleet's process is told by the demo that starts it, and tells it back; JSON on pipes."""

from __future__ import annotations

from typing import Final

import msgspec

HISTORY_S: Final = 14 * 86_400.0
HISTORY_STEP_S: Final = 60.0
LIVE_STEP_S: Final = 10.0


class Plan(msgspec.Struct, frozen=True):
    """The first line on the process's standard input. Times in unix seconds."""

    mqtt: str
    seed: int
    began_s: float
    """The moment of the demo's first start: its history ends and its script begins here."""
    progress_file: str
    """Where the process notes how far it has published."""
    passwords: dict[str, str]
    """By device id."""
    repairs: dict[str, float]
    """When someone mended a device, by device id."""
    returned_s: list[float] = []
    """The later starts."""
    history_s: float = HISTORY_S


class Repair(msgspec.Struct, frozen=True):
    """Each later line: a technician has finished a visit."""

    device_id: str
    at_s: float


class Progress(msgspec.Struct, frozen=True):
    """Content of the progress file: everything older is with the broker."""

    published_until_s: float


class Loaded(msgspec.Struct, frozen=True):
    """The process's one line on standard output, once the history is with the broker."""

    samples: int
    packs: int
    seconds: float

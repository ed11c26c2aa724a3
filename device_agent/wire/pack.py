"""What a telemetry message holds once decoded, and the limits it must keep."""

from dataclasses import dataclass, field
from typing import Final

MAX_PAYLOAD_BYTES: Final = 1 << 20
MAX_RECORDS: Final = 20_000

# RFC 8428 §4.5.3: smaller times are relative to now.
ABSOLUTE_FROM_S: Final = float(2**28)
# The last second that a calendar date can name (9999-12-31T23:59:59Z).
LATEST_S: Final = 253_402_300_799.0
# Integers up to here survive every JSON reader.
MAX_SEQ: Final = 2**53 - 1


@dataclass(frozen=True, slots=True)
class TextReading:
    """One string value (``vs``): a state or a message, not a number."""

    name: str
    time_s: float
    text: str


@dataclass(frozen=True, slots=True)
class Pack:
    """One telemetry message. ``names``, ``times_s``, ``values``, ``units`` are parallel lists.

    ``boot`` and ``seq`` identify the pack within the device (None: not our agent).
    ``times_s`` is UTC in unix seconds; a unit of ``""`` was not given.
    """

    boot: str | None
    seq: int | None
    names: list[str]
    times_s: list[float]
    values: list[float | bool]
    units: list[str]
    texts: list[TextReading] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.names) + len(self.texts)

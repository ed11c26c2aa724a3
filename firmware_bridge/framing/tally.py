"""What went wrong on the line, counted."""

from dataclasses import dataclass


@dataclass(slots=True)
class Tally:
    """Running totals of one port; only ever grow. Sizes in bytes."""

    received_bytes: int = 0
    frames: int = 0
    """Frames or lines that were understood."""
    bad: int = 0
    """Check sum, coding or content wrong: not understood at all."""
    unknown: int = 0
    """Right in form, of a type or name that nobody here knows."""
    too_long: int = 0
    """Stretches without an end within the longest frame: dropped up to the next delimiter."""
    lost: int = 0
    """Frames missing by their sequence numbers."""
    dropped_bytes: int = 0
    """Bytes of all of the above that were thrown away."""
    repeated: int = 0
    """Sendings of ours that had to be repeated."""

    @property
    def trouble(self) -> int:
        """Everything but what went well."""
        return self.bad + self.unknown + self.too_long + self.lost

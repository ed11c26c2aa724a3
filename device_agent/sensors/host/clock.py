"""How far off the machine's clock is, as its own time service last told the kernel.

``adjtimex`` asks without changing anything, and unlike ``timedatectl`` starts no process. The offset is
what is still to be corrected; chrony corrects by other means and leaves it at zero, but keeps the
bound of the error and the mark "not synchronised" up to date, as every time service does.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from device_agent.sensor_settings import SlowSettings
from device_agent.sensors.port import AnySource, Around, SensorDescription, Source

_NOT_SYNCHRONISED: Final = 0x0040
_IN_NANOSECONDS: Final = 0x2000
# Larger than any kernel's struct timex.
_TIMEX_LONGS: Final = 64


@dataclass(frozen=True, slots=True)
class ClockState:
    """Seconds still to be corrected, seconds it may be off at most, and whether it is kept at all."""

    offset_s: float
    bound_s: float
    is_synchronised: bool


DESCRIPTIONS: Final[tuple[SensorDescription[ClockState], ...]] = (
    SensorDescription("clock/offset", "s", "offset", (-1e6, 1e6), lambda s: s.offset_s),
    SensorDescription("clock/error_bound", "s", "duration", (0.0, 1e6), lambda s: s.bound_s),
    SensorDescription("clock/synchronised", "", "link", (0.0, 1.0), lambda s: s.is_synchronised),
)


def sources(settings: SlowSettings, _around: Around) -> list[AnySource]:
    """Ask the kernel; a kernel that can't be asked is not."""
    return [source(settings.period_s, adjtimex)] if os.uname().sysname == "Linux" else []


def source(period_s: float, ask: Callable[[], ClockState]) -> Source[ClockState]:
    """Read the state of the clock; ``ask`` gives it."""
    return Source("clock", period_s, ask, DESCRIPTIONS)


def adjtimex() -> ClockState:
    """Ask the kernel for the state of its clock."""
    import ctypes  # noqa: PLC0415 - loaded only where the clock is watched

    libc = ctypes.CDLL(None, use_errno=True)
    timex = (ctypes.c_long * _TIMEX_LONGS)()  # all zero: ask only
    if libc.adjtimex(ctypes.byref(timex)) < 0:
        raise OSError(ctypes.get_errno(), "adjtimex")
    # modes (int, padded), offset, freq, maxerror, esterror, status (int, padded)
    offset, bound, status = timex[1], timex[3], int(timex[5]) & 0xFFFF
    unit_s = 1e-9 if status & _IN_NANOSECONDS else 1e-6
    return ClockState(offset * unit_s, bound * 1e-6, not status & _NOT_SYNCHRONISED)

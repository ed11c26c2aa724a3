"""Traffic and errors of network interfaces, as rates between two readings of the kernel's counters."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

import psutil

from device_agent.errors import SensorError
from device_agent.sensors.port import SensorDescription, Source, slug

_VIRTUAL: Final = (
    "lo",
    "veth",
    "docker",
    "br-",
    "virbr",
    "tun",
    "tap",
    "dummy",
    "ifb",
    "sit",
    "tunl",
)
_MOST_BIT_S: Final = 1e12


@dataclass(frozen=True, slots=True)
class Rates:
    """Per second, since the snapshot before; None on the first one."""

    received_bit_s: float | None
    sent_bit_s: float | None
    faults_per_s: float | None


DESCRIPTIONS: Final[tuple[tuple[str, str, str, Callable[[Rates], float | None]], ...]] = (
    ("received", "bit/s", "rate", lambda r: r.received_bit_s),
    ("sent", "bit/s", "rate", lambda r: r.sent_bit_s),
    ("faults", "1/s", "rate", lambda r: r.faults_per_s),
)


def sources(
    interfaces: Iterable[str], period_s: float, monotonic: Callable[[], float]
) -> list[Source[Rates]]:
    """Read the named interfaces; with no names, all that are not virtual."""
    names = list(interfaces) or [
        name
        for name in sorted(psutil.net_io_counters(pernic=True))
        if not name.startswith(_VIRTUAL)
    ]
    return [_source(name, period_s, monotonic) for name in names]


def _source(interface: str, period_s: float, monotonic: Callable[[], float]) -> Source[Rates]:
    descriptions: tuple[SensorDescription[Rates], ...] = tuple(
        SensorDescription(f"network/{slug(interface)}/{leaf}", unit, kind, (0.0, _MOST_BIT_S), take)
        for leaf, unit, kind, take in DESCRIPTIONS
    )
    meter = _Meter(interface, monotonic)
    return Source(f"network/{slug(interface)}", period_s, meter.read, descriptions)


class _Meter:
    """Remembers the counters of the snapshot before."""

    def __init__(self, interface: str, monotonic: Callable[[], float]) -> None:
        self._interface = interface
        self._monotonic = monotonic
        self._before: tuple[float, tuple[int, int, int]] | None = self._count()

    def read(self) -> Rates:
        before, self._before = self._before, self._count()
        if self._before is None:
            raise SensorError(f"there is no interface {self._interface}")
        elapsed_s = self._before[0] - before[0] if before else 0.0
        if before is None or elapsed_s <= 0.0:
            return Rates(None, None, None)
        received, sent, faults = (
            # A counter that went back was reset with its interface: what it shows is all there is.
            round((now - then if now >= then else now) / elapsed_s, 3)
            for then, now in zip(before[1], self._before[1], strict=True)
        )
        return Rates(received * 8, sent * 8, faults)

    def _count(self) -> tuple[float, tuple[int, int, int]] | None:
        counters = psutil.net_io_counters(pernic=True, nowrap=False).get(self._interface)
        if counters is None:
            return None
        faults = counters.errin + counters.errout + counters.dropin + counters.dropout
        return self._monotonic(), (counters.bytes_recv, counters.bytes_sent, faults)

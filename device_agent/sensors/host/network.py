"""Traffic, errors and link of network interfaces."""

from pathlib import Path
from typing import Final

from device_agent.errors import SensorError
from device_agent.sensor_settings import NetworkSettings
from device_agent.sensors.naming import text_of
from device_agent.sensors.port import AnySource, Around, SensorDescription, Source, Value, slug
from device_agent.sensors.rates import Rates

_VIRTUAL: Final = (
    *("lo", "veth", "docker", "br-", "virbr", "tun", "tap", "dummy", "ifb", "sit", "tunl"),
    *("bonding_masters", "gre", "erspan", "ip6", "can", "vcan"),
)
_FAULTS: Final = ("rx_errors", "tx_errors", "rx_dropped", "tx_dropped")
_Found = dict[str, Value]


def sources(settings: NetworkSettings, around: Around) -> list[AnySource]:
    """Read the named interfaces; with no names, all that are not virtual."""
    folder = around.below("/sys/class/net")
    names = settings.interfaces or sorted(
        path.name for path in folder.glob("*") if not path.name.startswith(_VIRTUAL)
    )
    return [_source(folder / name, settings.period_s, around) for name in names]


def _source(folder: Path, period_s: float, around: Around) -> Source[_Found]:
    name = f"network/{slug(folder.name)}"
    rows: tuple[SensorDescription[_Found], ...] = (
        SensorDescription(
            f"{name}/received", "bit/s", "rate", (0.0, 1e12), lambda s: s.get("received")
        ),
        SensorDescription(f"{name}/sent", "bit/s", "rate", (0.0, 1e12), lambda s: s.get("sent")),
        SensorDescription(f"{name}/faults", "1/s", "rate", (0.0, 1e12), lambda s: s.get("faults")),
        SensorDescription(f"{name}/up", "", "link", (0.0, 1.0), lambda s: s["up"]),
        SensorDescription(f"{name}/speed", "bit/s", "speed", (0.0, 1e12), lambda s: s.get("speed")),
    )
    meter = _Meter(folder, around)
    return Source(name, period_s, meter.read, rows)


class _Meter:
    def __init__(self, folder: Path, around: Around) -> None:
        self._folder = folder
        self._rates = Rates(around.monotonic)
        if folder.exists():
            self._rates.per_second(self._counts())

    def read(self) -> _Found:
        if not self._folder.exists():
            raise SensorError(f"there is no interface {self._folder.name}")
        found: _Found = dict(self._rates.per_second(self._counts()))
        # An interface that is switched off refuses to tell its carrier.
        found["up"] = text_of(self._folder / "carrier") == "1"
        speed = text_of(self._folder / "speed")
        if speed.isdigit() and found["up"]:
            found["speed"] = float(speed) * 1e6
        return found

    def _counts(self) -> dict[str, float]:
        folder = self._folder / "statistics"
        return {
            "received": 8 * _number(folder / "rx_bytes"),
            "sent": 8 * _number(folder / "tx_bytes"),
            "faults": sum(_number(folder / name) for name in _FAULTS),
        }


def _number(path: Path) -> float:
    return float(path.read_text(encoding="ascii"))

"""Wear and errors of disks, where the kernel shows them without a vendor's tool.

eMMC tells its life time in steps of a tenth; SCSI and ATA disks count failed requests; ext4 counts
what it found broken. The wear of NVMe and ATA flash is not in /sys: bring it in with ``[[sensors.exec]]``
and ``smartctl --json``.
"""

from pathlib import Path
from typing import Final

from device_agent.errors import SensorError
from device_agent.sensor_settings import SlowSettings
from device_agent.sensors.naming import text_of
from device_agent.sensors.port import AnySource, Around, SensorDescription, Source, slug
from device_agent.sensors.rates import Rates

_DEADLINE_S: Final = 5.0


def sources(settings: SlowSettings, around: Around) -> list[AnySource]:
    """Find every disk that tells anything about itself now."""
    found: list[AnySource] = []
    for device in sorted(around.below("/sys/block").glob("*/device")):
        disk = slug(device.parent.name)
        if text_of(device / "life_time"):
            found.append(_life(disk, device, settings.period_s))
        if text_of(device / "ioerr_cnt"):
            found.append(
                _errors(f"wear/{disk}", device / "ioerr_cnt", 16, settings.period_s, around)
            )
    for path in sorted(around.below("/sys/fs/ext4").glob("*/errors_count")):
        key = f"wear/ext4-{slug(path.parent.name)}"
        found.append(_errors(key, path, 10, settings.period_s, around))
    return found


def _life(disk: str, device: Path, period_s: float) -> Source[Path]:
    rows: tuple[SensorDescription[Path], ...] = (
        SensorDescription(f"wear/{disk}/used_share", "/", "wear", (0.0, 1.1), _used_share),
        SensorDescription(f"wear/{disk}/reserve_low", "", "fault", (0.0, 1.0), _is_reserve_low),
    )
    return Source(f"wear/{disk}", period_s, lambda: device, rows, _DEADLINE_S)


def _used_share(device: Path) -> float:
    """Give the worse of the two areas: 0x01 is up to a tenth, 0x0a the last, 0x0b beyond."""
    steps = [int(word, 16) for word in (device / "life_time").read_text(encoding="ascii").split()]
    if not steps or max(steps) == 0:
        raise SensorError("the disk does not say")
    return max(steps) / 10


def _is_reserve_low(device: Path) -> bool | None:
    state = int((device / "pre_eol_info").read_text(encoding="ascii"), 16)
    return state >= 2 if state else None


def _errors(key: str, path: Path, base: int, period_s: float, around: Around) -> AnySource:
    rates = Rates(around.monotonic)

    def read() -> dict[str, float]:
        return rates.per_second({"errors": int(path.read_text(encoding="ascii"), base)})

    row: SensorDescription[dict[str, float]] = SensorDescription(
        f"{key}/errors", "1/s", "rate", (0.0, 1e9), lambda s: s.get("errors")
    )
    return Source(f"{key}/errors", period_s, read, (row,), _DEADLINE_S)

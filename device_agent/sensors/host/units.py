"""systemd units that have failed; their names are told when they change."""

from typing import Final

from device_agent.errors import SensorError
from device_agent.programs import is_on_path, run_program
from device_agent.sensor_settings import SlowSettings
from device_agent.sensors.port import AnySource, Around, SensorDescription, Source

_DEADLINE_S: Final = 15.0
_SHOWN: Final = 20
_OUTPUT_BYTES: Final = 65_536

DESCRIPTIONS: Final[tuple[SensorDescription[list[str]], ...]] = (
    SensorDescription(
        "units/failed", "", "count", (0.0, 10_000.0), lambda names: float(len(names))
    ),
    SensorDescription(
        "units/failed_names", "", "text", None, lambda names: " ".join(names[:_SHOWN]) or "none"
    ),
)


def sources(settings: SlowSettings, around: Around) -> list[AnySource]:
    """Ask systemd, where it runs the machine."""
    if not is_on_path("systemctl") or not around.below("/run/systemd/system").is_dir():
        return []
    return [Source("units", settings.period_s, _failed, DESCRIPTIONS, _DEADLINE_S)]


def _failed() -> list[str]:
    done = run_program(
        ("systemctl", "list-units", "--failed", "--plain", "--no-legend", "--no-pager"),
        timeout_s=_DEADLINE_S - 1,
        limit_bytes=_OUTPUT_BYTES,
    )
    if done.is_late or done.status:
        raise SensorError(done.said(200) or "systemctl failed")
    lines = done.output.decode(errors="replace").splitlines()
    return [line.split()[0] for line in lines if line.strip()]

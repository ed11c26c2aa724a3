"""systemd units that have failed; their names are told when they change."""

import shutil
import subprocess
from typing import Final

from device_agent.errors import SensorError
from device_agent.sensor_settings import SlowSettings
from device_agent.sensors.port import AnySource, Around, SensorDescription, Source

_DEADLINE_S: Final = 15.0
_SHOWN: Final = 20

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
    program = shutil.which("systemctl")
    if program is None or not around.below("/run/systemd/system").is_dir():
        return []
    return [Source("units", settings.period_s, lambda: _failed(program), DESCRIPTIONS, _DEADLINE_S)]


def _failed(program: str) -> list[str]:
    done = subprocess.run(
        [program, "list-units", "--failed", "--plain", "--no-legend", "--no-pager"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=_DEADLINE_S - 1,
        check=False,
    )
    if done.returncode:
        raise SensorError(done.stderr.decode(errors="replace").strip() or "systemctl failed")
    lines = done.stdout.decode(errors="replace").splitlines()
    return [line.split()[0] for line in lines if line.strip()]

"""The one list of what this agent can read: settings in, sources out."""

from collections.abc import Callable
from pathlib import Path

from device_agent.sensors import disk, file, host_cpu, memory, network, temperature, uptime
from device_agent.sensors.port import AnySource
from device_agent.settings import SensorSettings


def build_sources(settings: SensorSettings, monotonic: Callable[[], float]) -> list[AnySource]:
    """Give every enabled source that this machine offers now."""
    found: list[AnySource] = []
    if settings.cpu.enabled:
        found.append(host_cpu.source(settings.cpu.period_s))
    if settings.memory.enabled:
        found.append(memory.source(settings.memory.period_s))
    if settings.disk.enabled:
        found += [disk.source(path, settings.disk.period_s) for path in settings.disk.paths]
    if settings.temperature.enabled:
        root = Path(settings.temperature.sys_root)
        found += temperature.sources(root, settings.temperature.period_s)
    if settings.network.enabled:
        found += network.sources(settings.network.interfaces, settings.network.period_s, monotonic)
    if settings.uptime.enabled:
        found.append(uptime.source(settings.uptime.period_s))
    found += [file.source(each) for each in settings.file]
    return found

"""The commands every agent knows; the configuration says which of them may be used."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from device_agent.command_settings import CommandSettings, PulseSettings
from device_agent.commands.calibration import Calibration, calibrate_offer
from device_agent.commands.diagnostics import AboutAgent, diagnostics_offer
from device_agent.commands.machine import kernel_line, pulse_offer, reboot_offer, restart_offer
from device_agent.commands.offer import Offer
from device_agent.commands.sampling import read_now_offer, set_sampling_offer
from device_agent.sampler import Sampler
from device_agent.sensors.board.gpio import OutputLine
from device_agent.spool import Spool
from device_agent.wire import DeviceEvent

__all__ = ["AboutAgent", "Machine", "builtin_offers"]


@dataclass(frozen=True, slots=True)
class Machine:
    """What commands work on; ``leaving`` is set when the agent ends."""

    settings: CommandSettings
    sampler: Sampler
    spool: Spool
    calibration: Calibration
    about: AboutAgent
    leaving: threading.Event
    report: Callable[[DeviceEvent], None]
    open_line: Callable[[PulseSettings], OutputLine] = kernel_line


def builtin_offers(machine: Machine, counts: Mapping[str, int]) -> list[Offer]:
    """Give every command; ``counts`` says how commands ended since the start."""
    settings, sampler, about = machine.settings, machine.sampler, machine.about
    return [
        read_now_offer(sampler),
        set_sampling_offer(sampler),
        diagnostics_offer(sampler, machine.spool, about, counts),
        calibrate_offer(sampler, machine.calibration, machine.report, about.now),
        restart_offer(settings),
        reboot_offer(settings, machine.leaving),
        pulse_offer(settings, machine.leaving, machine.open_line),
    ]

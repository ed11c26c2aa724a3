"""What the server may ask of this device: the settings below ``[commands]``."""

from dataclasses import dataclass

from device_agent.setting import WORD, setting

COMMANDS = (
    "read_now",
    "set_sampling",
    "diagnostics",
    "calibrate",
    "restart",
    "reboot",
    "pulse",
)
# Offered only where a microcontroller is configured.
BRIDGE_COMMAND = "bridge"
# Offered only where a microcontroller's firmware can be written.
FLASH_COMMAND = "flash"
_KNOWN = (*COMMANDS, BRIDGE_COMMAND, FLASH_COMMAND)
# The others change the machine: they are allowed by name only.
HARMLESS_COMMANDS = ("read_now", "set_sampling", "diagnostics")


@dataclass(frozen=True, slots=True)
class RestartSettings:
    """A service that may be restarted."""

    name: str = setting(
        "", "what the server calls it", pattern=WORD, required=True, example="modem"
    )
    run: tuple[str, ...] = setting(
        (),
        "program and arguments; no shell",
        required=True,
        example=("systemctl", "restart", "ModemManager"),
    )


@dataclass(frozen=True, slots=True)
class PulseSettings:
    """A relay that may be switched for a moment; needs the extra ``gpio``."""

    name: str = setting(
        "", "what the server calls it", pattern=WORD, required=True, example="relay-1"
    )
    chip: str = setting("/dev/gpiochip0", "character device", pattern=r"/dev/.+")
    line: int = setting(0, "number of the line", low=0, high=1023, required=True, example=17)
    active_low: bool = setting(default=False, help_text="true: a low level switches it on")
    longest_ms: int = setting(1000, "no pulse is longer", low=1, high=60_000)


@dataclass(frozen=True, slots=True)
class CommandSettings:
    """What the server may ask of this device."""

    allow: tuple[str, ...] = setting(
        HARMLESS_COMMANDS, f"of {', '.join(_KNOWN)}; empty: none", each=_KNOWN
    )
    timeout_s: float = setting(
        60.0, "a program run by a command is ended after this", low=1.0, high=600.0
    )
    reboot: tuple[str, ...] = setting(("systemctl", "reboot"), "program and arguments; no shell")
    restart: tuple[RestartSettings, ...] = setting((), "services that may be restarted")
    pulse: tuple[PulseSettings, ...] = setting((), "relays that may be switched for a moment")

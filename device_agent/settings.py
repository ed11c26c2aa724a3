"""What can be configured: every setting with its default, its meaning and its accepted range.

The example file is written from these classes, so a new setting is one line here and nowhere else.
"""

# ruff: noqa: RUF009 - setting() is dataclasses.field() with a meaning

from dataclasses import dataclass, replace

from device_agent.command_settings import CommandSettings
from device_agent.delivery_settings import BrokerSettings, PackSettings, SpoolSettings
from device_agent.sensor_settings import SensorSettings
from device_agent.serial_settings import SerialSettings
from device_agent.setting import setting


@dataclass(frozen=True, slots=True)
class LogSettings:
    """What is written to standard error."""

    level: str = setting("info", "least important line shown", choices=("debug", "info", "warning"))


@dataclass(frozen=True, slots=True)
class AgentSettings:
    """The whole configuration."""

    device_id: str = setting(
        "",
        "as registered with the server; required",
        pattern=r"[A-Za-z0-9_-]{1,64}",
        required=True,
        example="my-device",
    )
    model: str = setting("", "what this device is, told to the server", pattern=r".{0,128}")
    firmware: str = setting("", "its firmware version, told to the server", pattern=r".{0,128}")
    broker: BrokerSettings = setting(BrokerSettings, "where readings go")
    spool: SpoolSettings = setting(SpoolSettings, "where they wait for the broker")
    packs: PackSettings = setting(PackSettings, "when readings become one message")
    sensors: SensorSettings = setting(SensorSettings, "what is read")
    serial: tuple[SerialSettings, ...] = setting((), "microcontrollers on serial lines")
    commands: CommandSettings = setting(CommandSettings, "what the server may ask")
    log: LogSettings = setting(LogSettings, "what is logged")

    def packs_as_sent(self) -> PackSettings:
        """Give how packs are made: in plain JSON where Home Assistant reads along."""
        if not self.broker.home_assistant:
            return self.packs
        return replace(self.packs, form="json", deflate=False)

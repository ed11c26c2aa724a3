"""What can be configured: every setting with its default, its meaning and its accepted range.

The example file is written from these classes, so a new setting is one line here and nowhere else.
"""

# ruff: noqa: RUF009 - setting() is dataclasses.field() with a meaning

from dataclasses import dataclass, field, fields
from typing import Any

COMMANDS = ("read_now", "set_sampling", "diagnostics")


def setting(default: Any, help_text: str, **rules: Any) -> Any:
    """Declare one setting.

    Rules are ``low``, ``high``, ``choices``, ``pattern``, ``each`` (choices of a
    list);    ``secret`` settings are never shown back.
    """
    metadata = {"help": help_text, **rules}
    if isinstance(default, type):
        return field(default_factory=default, metadata=metadata)
    return field(default=default, metadata=metadata)


_PERIOD: dict[str, Any] = {"low": 0.1, "high": 86_400.0}


@dataclass(frozen=True, slots=True)
class BrokerSettings:
    """Where readings go."""

    host: str = setting("localhost", "name or address of the MQTT broker", pattern=r"\S+")
    port: int = setting(1883, "8883 is usual with TLS", low=1, high=65_535)
    username: str = setting("", "empty: the device id")
    password: str = setting("", "empty: see password_file", secret=True)
    password_file: str = setting("", "file whose first line is the password")
    tls: bool = setting(default=False, help_text="encrypt, and check the broker's certificate")
    ca_file: str = setting("", "certificate authority of the broker; empty: the system's")
    keepalive_s: int = setting(30, "seconds of quiet before a ping", low=5, high=3600)
    max_inflight: int = setting(64, "messages on their way at once", low=1, high=1000)


@dataclass(frozen=True, slots=True)
class SpoolSettings:
    """Where readings wait until the broker has acknowledged them."""

    directory: str = setting("/var/lib/forewarn-agent", "created if missing", pattern=r".+")
    quota_bytes: int = setting(
        100_000_000, "beyond this the oldest messages are dropped, and counted", low=10_000
    )


@dataclass(frozen=True, slots=True)
class PackSettings:
    """When readings are closed into one message."""

    max_age_s: float = setting(1.0, "seconds that a reading may wait", low=0.0, high=3600.0)
    max_records: int = setting(500, "readings in one message", low=1, high=20_000)
    max_bytes: int = setting(60_000, "rough size of one message", low=200, high=1_000_000)
    form: str = setting("json", "json is readable, cbor a fifth smaller", choices=("json", "cbor"))


@dataclass(frozen=True, slots=True)
class SourceSettings:
    """A source of readings."""

    enabled: bool = setting(default=True, help_text="false: do not read it")
    period_s: float = setting(10.0, "seconds between readings", **_PERIOD)


@dataclass(frozen=True, slots=True)
class DiskSettings(SourceSettings):
    """Space on file systems."""

    paths: tuple[str, ...] = setting(("/",), "mount points to watch")


@dataclass(frozen=True, slots=True)
class TemperatureSettings(SourceSettings):
    """Temperatures that the kernel knows."""

    sys_root: str = setting("/sys", "where the kernel's files are", pattern=r"/.*")


@dataclass(frozen=True, slots=True)
class NetworkSettings(SourceSettings):
    """Traffic and errors of network interfaces."""

    interfaces: tuple[str, ...] = setting((), "empty: all but loopback and virtual ones")


@dataclass(frozen=True, slots=True)
class FileSettings:
    """A number that some other program keeps in a file; repeat the table for more."""

    name: str = setting("", "name of the metric", pattern=r"[a-z0-9_./-]{1,128}")
    path: str = setting("", "file holding one number", pattern=r".+")
    unit: str = setting("", "SenML unit, such as Cel, V or /", pattern=r"[!-~]{0,32}")
    scale: float = setting(1.0, "the number is multiplied by this")
    low: float = setting(float("-inf"), "smallest physically possible value")
    high: float = setting(float("inf"), "largest physically possible value")
    period_s: float = setting(10.0, "seconds between readings", **_PERIOD)


@dataclass(frozen=True, slots=True)
class SensorSettings:
    """What is read, and how often."""

    cpu: SourceSettings = setting(SourceSettings, "load of the processor")
    memory: SourceSettings = setting(SourceSettings, "memory and swap")
    disk: DiskSettings = setting(DiskSettings, "space on file systems")
    temperature: TemperatureSettings = setting(TemperatureSettings, "the kernel's thermometers")
    network: NetworkSettings = setting(NetworkSettings, "traffic and errors")
    uptime: SourceSettings = setting(SourceSettings, "time since the machine started")
    file: tuple[FileSettings, ...] = setting((), "numbers that other programs keep in files")


@dataclass(frozen=True, slots=True)
class CommandSettings:
    """What the server may ask of this device."""

    allow: tuple[str, ...] = setting(COMMANDS, "names of commands; empty: none", each=COMMANDS)


@dataclass(frozen=True, slots=True)
class LogSettings:
    """What is written to standard error."""

    level: str = setting("info", "least important line shown", choices=("debug", "info", "warning"))


@dataclass(frozen=True, slots=True)
class AgentSettings:
    """The whole configuration."""

    device_id: str = setting(
        "", "as registered with the server; required", pattern=r"[A-Za-z0-9_-]{1,64}"
    )
    model: str = setting("", "what this device is, told to the server", pattern=r".{0,128}")
    firmware: str = setting("", "its firmware version, told to the server", pattern=r".{0,128}")
    broker: BrokerSettings = setting(BrokerSettings, "where readings go")
    spool: SpoolSettings = setting(SpoolSettings, "where they wait for the broker")
    packs: PackSettings = setting(PackSettings, "when readings become one message")
    sensors: SensorSettings = setting(SensorSettings, "what is read")
    commands: CommandSettings = setting(CommandSettings, "what the server may ask")
    log: LogSettings = setting(LogSettings, "what is logged")


REQUIRED = {
    (owner, item.name)
    for owner, names in ((AgentSettings, {"device_id"}), (FileSettings, {"name", "path"}))
    for item in fields(owner)
    if item.name in names
}

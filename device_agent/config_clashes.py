"""What no single setting can know: names used twice, ranges upside down, choices that exclude."""

from collections.abc import Iterator

from device_agent.command_settings import CommandSettings
from device_agent.delivery_settings import BrokerSettings
from device_agent.sensor_settings import ValueSettings
from device_agent.settings import AgentSettings

Where = tuple[str | int, ...]

# Tables whose names are whole metrics: they share one space of names.
_METRICS = ("file", "exec", "http", "modbus", "contact", "pulse_counter")
_PARTS = ("process", "serial_port", "certificate")


def clashes(settings: AgentSettings) -> Iterator[tuple[Where, str]]:
    """Give every clash: where it is, and what is wrong."""
    yield from _broker(settings.broker)
    yield from _names(settings)
    for table in _METRICS:
        for index, each in enumerate(getattr(settings.sensors, table)):
            if isinstance(each, ValueSettings):
                yield from _value(("sensors", table, index), each)
    yield from _either_or("process", settings.sensors.process, "program", "pid_file")
    yield from _either_or("certificate", settings.sensors.certificate, "path", "host")
    yield from _commands(settings.commands)
    yield from _serial(settings)


def _broker(broker: BrokerSettings) -> Iterator[tuple[Where, str]]:
    if broker.password and broker.password_file:
        yield ("broker", "password_file"), "give this or password, not both"
    if broker.key_file and not broker.cert_file:
        yield ("broker", "key_file"), "needs cert_file"
    for name in ("ca_file", "cert_file"):
        # Who names an authority believes the link to be encrypted.
        if getattr(broker, name) and not broker.tls:
            yield ("broker", name), "has no effect without tls = true"


def _either_or(
    table: str, given: tuple[object, ...], one: str, other: str
) -> Iterator[tuple[Where, str]]:
    for index, each in enumerate(given):
        if bool(getattr(each, one)) == bool(getattr(each, other)):
            yield ("sensors", table, index, one), f"give this or {other}, one of them"


def _commands(commands: CommandSettings) -> Iterator[tuple[Where, str]]:
    for name in ("restart", "pulse"):
        if name in commands.allow and not getattr(commands, name):
            yield ("commands", "allow"), f"{name} needs a table [[commands.{name}]]"
    if "reboot" in commands.allow and not commands.reboot:
        yield ("commands", "reboot"), "must not be empty while reboot is allowed"


def _serial(settings: AgentSettings) -> Iterator[tuple[Where, str]]:
    yield from _twice(("serial",), settings.serial, set())
    if "bridge" in settings.commands.allow and not any(each.commands for each in settings.serial):
        yield ("commands", "allow"), "bridge needs a table [[serial]] with commands"
    yield from _flash(settings)
    if settings.serial:
        from device_agent.bridge.protocol_table import fault  # noqa: PLC0415 - where configured

        for index, each in enumerate(settings.serial):
            if found := fault(each):
                name, said = found
                yield ("serial", index, name), said


def _flash(settings: AgentSettings) -> Iterator[tuple[Where, str]]:
    for index, each in enumerate(settings.serial):
        if each.flash.method != "none" and not each.flash.hardware:
            yield ("serial", index, "flash", "hardware"), "must say what sits there"
        if each.flash.address % 0x1000:
            yield ("serial", index, "flash", "address"), "must be whole pages of 4096 bytes"
    if "flash" in settings.commands.allow and not any(
        each.flash.method != "none" and each.flash.images for each in settings.serial
    ):
        yield ("commands", "allow"), "flash needs a table [serial.flash] with method and images"


def _names(settings: AgentSettings) -> Iterator[tuple[Where, str]]:
    seen: set[str] = set()
    for table in _METRICS:
        yield from _twice(("sensors", table), getattr(settings.sensors, table), seen)
    for table in _PARTS:
        yield from _twice(("sensors", table), getattr(settings.sensors, table), set())
    for table in ("restart", "pulse"):
        yield from _twice(("commands", table), getattr(settings.commands, table), set())


def _twice(where: Where, tables: object, seen: set[str]) -> Iterator[tuple[Where, str]]:
    assert isinstance(tables, tuple)
    for index, each in enumerate(tables):
        if each.name in seen:
            yield (*where, index, "name"), f"{each.name} is used twice"
        seen.add(each.name)


def _value(where: Where, value: ValueSettings) -> Iterator[tuple[Where, str]]:
    if not value.low <= value.high:
        yield (*where, "low"), "is above high"
    if getattr(value, "pattern", "") and getattr(value, "json", ""):
        yield (*where, "json"), "give this or pattern, not both"

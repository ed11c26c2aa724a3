"""The settings of one ``[[serial]]`` table → what the library takes."""

import dataclasses
from typing import Any, Final

from device_agent.serial_settings import SerialSettings
from firmware_bridge import Protocol, SettingsError, build
from firmware_bridge.transport.identity import check_port

_TEXT: Final = ("framing", "max_line_bytes")
_OPTIONAL_TEXT: Final = ("clock_field", "command_line")
_OWN: Final[dict[str, tuple[str, ...]]] = {
    "link": (),
    "json": (),
    "key_value": (),
    "nmea": (),
    "csv": ("delimiter", "columns"),
    "regex": ("pattern",),
    "println": ("names",),
    "modbus": ("device", "period_s", "answer_s"),
}


def build_protocol(settings: SerialSettings) -> Protocol:
    """Make the protocol; raises SettingsError, whose ``field`` is a setting of ``[[serial]]``."""
    table: dict[str, Any] = {name: getattr(settings, name) for name in _OWN[settings.protocol]}
    if settings.protocol == "modbus":
        table["registers"] = [dataclasses.asdict(row) for row in settings.registers]
    elif settings.protocol != "link":
        table |= {name: getattr(settings, name) for name in _TEXT}
        table |= {name: text for name in _OPTIONAL_TEXT if (text := getattr(settings, name))}
        table["units"] = dict(_pair(each) for each in settings.units)
    return build(
        settings.protocol, {k: list(v) if isinstance(v, tuple) else v for k, v in table.items()}
    )


def fault(settings: SerialSettings) -> tuple[str, str] | None:
    """Give the setting that is wrong, and what is wrong with it; None if all is well."""
    try:
        build_protocol(settings)
        check_port(settings.port)
    except SettingsError as error:
        name = error.field.partition("[")[0]
        known = {item.name for item in dataclasses.fields(SerialSettings)}
        return (name, error.reason) if name in known else ("protocol", str(error))
    return None


def _pair(text: str) -> tuple[str, str]:
    name, equals, unit = text.partition("=")
    if not (name and equals and unit):
        raise SettingsError("units", f"{text!r} is not a metric and its unit, as temperature=Cel")
    return name, unit

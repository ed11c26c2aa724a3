"""Protocol by its name in the settings. Adding one: docs/how-to/add-a-framer.md."""

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from firmware_bridge.errors import SettingsError
from firmware_bridge.link.host import HostLink
from firmware_bridge.protocols.csv_lines import CsvParser
from firmware_bridge.protocols.json_lines import JsonParser
from firmware_bridge.protocols.key_value import KeyValueParser
from firmware_bridge.protocols.nmea import NmeaParser
from firmware_bridge.protocols.pattern import PatternParser
from firmware_bridge.protocols.port import Protocol
from firmware_bridge.protocols.println import PrintlnParser
from firmware_bridge.protocols.settings import (
    CsvSettings,
    ModbusSettings,
    PrintlnSettings,
    RegexSettings,
    TextSettings,
    read,
)
from firmware_bridge.protocols.text import TextProtocol

Table = Mapping[str, object]


class _NoSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pass


def _link(table: Table) -> Protocol:
    read(_NoSettings, table)
    return HostLink()


def _json(table: Table) -> Protocol:
    return TextProtocol(JsonParser(), read(TextSettings, table))


def _key_value(table: Table) -> Protocol:
    return TextProtocol(KeyValueParser(), read(TextSettings, table))


def _csv(table: Table) -> Protocol:
    settings = read(CsvSettings, table)
    return TextProtocol(CsvParser(settings), settings)


def _regex(table: Table) -> Protocol:
    settings = read(RegexSettings, table)
    return TextProtocol(PatternParser(settings), settings)


def _nmea(table: Table) -> Protocol:
    return TextProtocol(NmeaParser(), read(TextSettings, table))


def _println(table: Table) -> Protocol:
    settings = read(PrintlnSettings, table)
    return TextProtocol(PrintlnParser(settings), settings)


def _modbus(table: Table) -> Protocol:
    settings = read(ModbusSettings, table)
    try:
        from firmware_bridge.protocols.modbus import ModbusProtocol  # noqa: PLC0415 - an extra
    except ImportError:
        raise SettingsError(
            "protocol", "modbus needs pymodbus: install the extra 'bridge'"
        ) from None
    return ModbusProtocol(settings)


PROTOCOLS: Final[dict[str, Callable[[Table], Protocol]]] = {
    "link": _link,
    "json": _json,
    "key_value": _key_value,
    "csv": _csv,
    "regex": _regex,
    "nmea": _nmea,
    "println": _println,
    "modbus": _modbus,
}


def build(name: str, table: Table | None = None) -> Protocol:
    r"""Make a protocol from its name and its settings; raises SettingsError.

    >>> events = build("println").receive(b"21.5\n", 0.0)
    >>> [reading.value for reading in events[-1]]
    [21.5]
    """
    maker = PROTOCOLS.get(name)
    if maker is None:
        raise SettingsError("protocol", f"is one of {', '.join(PROTOCOLS)}")
    return maker(table or {})

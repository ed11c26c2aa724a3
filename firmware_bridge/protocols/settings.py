"""The settings of every protocol as they stand in a TOML table; `read` checks one and says what is wrong."""

from collections.abc import Mapping
from typing import Annotated, Literal, TypeVar

import msgspec
from msgspec import Meta

from firmware_bridge.errors import SettingsError

Name = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_./-]{0,47}$")]
Unit = Annotated[str, Meta(pattern=r"^[!-~]{0,16}$")]
Seconds = Annotated[float, Meta(ge=0.01, le=86_400)]


class TextSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What all text protocols take."""

    framing: Literal["lines", "slip", "cobs"] = "lines"
    max_line_bytes: Annotated[int, Meta(ge=16, le=65_536)] = 1024
    units: dict[str, Unit] = {}
    clock_field: str | None = None
    """Name of the field that is the microcontroller's ``millis()``."""
    command_line: Annotated[str, Meta(pattern=r"^[ -~]*\{name\}[ -~]*$")] | None = None
    """Form of a command, such as ``{name} {args}``; none: this port takes no commands."""


class CsvSettings(TextSettings, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Columns by a header line, or by this list."""

    delimiter: Annotated[str, Meta(min_length=1, max_length=1)] = ","
    columns: list[Name] = []


class RegexSettings(TextSettings, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A pattern whose named groups are metrics; or groups ``name``, ``value`` and ``unit``."""

    pattern: Annotated[str, Meta(min_length=1, max_length=1000)]


class PrintlnSettings(TextSettings, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Names for bare numbers, in their order on the line."""

    names: list[Name] = []


class RegisterSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One value of a Modbus device. ``value = raw * scale + offset``, in ``unit``."""

    name: Name
    address: Annotated[int, Meta(ge=0, le=65_535)]
    table: Literal["holding", "input", "coil", "discrete"] = "holding"
    type: Literal["u16", "i16", "u32", "i32", "f32", "u64", "i64", "f64", "bool"] = "u16"
    byte_order: Literal["ABCD", "CDAB", "BADC", "DCBA"] = "ABCD"
    scale: float = 1.0
    offset: float = 0.0
    unit: Unit = ""
    writable: bool = False


class ModbusSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One Modbus device and its register map."""

    registers: Annotated[list[RegisterSettings], Meta(min_length=1, max_length=256)]
    device: Annotated[int, Meta(ge=1, le=247)] = 1
    period_s: Seconds = 10.0
    answer_s: Annotated[float, Meta(ge=0.02, le=10)] = 0.5
    gap_s: Annotated[float, Meta(ge=0.001, le=1)] = 0.005
    retries: Annotated[int, Meta(ge=0, le=5)] = 1


S = TypeVar("S", bound=msgspec.Struct)


def read(kind: type[S], table: Mapping[str, object]) -> S:
    """Check a table of settings; raises SettingsError.

    >>> read(CsvSettings, {"delimiter": ";"}).delimiter
    ';'
    """
    try:
        return msgspec.convert(dict(table), kind)
    except msgspec.ValidationError as error:
        reason, _, path = str(error).partition(" - at ")
        raise SettingsError(path.strip("`$.") or "settings", reason) from None

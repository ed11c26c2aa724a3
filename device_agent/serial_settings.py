"""Microcontrollers on serial lines: the settings of each ``[[serial]]`` table."""

# ruff: noqa: RUF009 - setting() is dataclasses.field() with a meaning

from dataclasses import dataclass
from typing import Final

from device_agent.setting import WORD, regex_fault, setting

PROTOCOLS: Final = ("link", "json", "key_value", "csv", "regex", "nmea", "println", "modbus")
_METRIC: Final = r"[a-z][a-z0-9_./-]{0,47}"


@dataclass(frozen=True, slots=True)
class RegisterSettings:
    """One value of a Modbus device."""

    name: str = setting("", "name of the metric", pattern=_METRIC, required=True, example="flow")
    address: int = setting(0, "register, counted from 0", low=0, high=65_535)
    table: str = setting(
        "holding", "kind of register", choices=("holding", "input", "coil", "discrete")
    )
    type: str = setting(
        "u16",
        "how registers make a number",
        choices=("u16", "i16", "u32", "i32", "f32", "u64", "i64", "f64", "bool"),
    )
    byte_order: str = setting(
        "ABCD", "which byte comes first", choices=("ABCD", "CDAB", "BADC", "DCBA")
    )
    scale: float = setting(1.0, "value = raw x scale + offset")
    offset: float = setting(0.0, "see scale")
    unit: str = setting("", "SenML unit", pattern=r"[!-~]{0,16}")
    writable: bool = setting(default=False, help_text="true: commands may write it")


@dataclass(frozen=True, slots=True)
class FlashSettings:
    """How the microcontroller's firmware is written: with avrdude, or by the extra ``flash``."""

    method: str = setting(
        "none", "what writes it", choices=("none", "avrdude", "esptool", "smp"), example="avrdude"
    )
    hardware: str = setting(
        "",
        "part (atmega328p), chip (esp32c3) or board that sits there; nothing else is written",
        pattern=r"[A-Za-z0-9_.@/+-]{0,64}",
        example="atmega328p",
    )
    images: str = setting(
        "",
        "where images lie by their SHA-256: a folder, or a server's https://.../api/v1/firmware",
        pattern=r"(/.+|https?://[!-~]+)?",
        example="https://forewarn.example/api/v1/firmware",
    )
    port: str = setting("", "if it is not the line's", pattern=r"(/.+|usb:.+)?")
    baud: int = setting(0, "bits per second; 0: the line's", low=0, high=4_000_000)
    programmer: str = setting("arduino", "of avrdude", pattern=r"[A-Za-z0-9_.-]{1,64}")
    address: int = setting(0x10000, "of the application, for esptool", low=0, high=0x7FFFFFFF)
    max_bytes: int = setting(4_194_304, "no image is larger", low=1, high=16_777_216)
    prove_s: float = setting(
        30.0, "so long the new firmware may take to be heard, or the old one comes back", low=1.0, high=600.0
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class SerialSettings:
    """A microcontroller on a serial line. Which settings count depends on the protocol."""

    name: str = setting(
        "", "first part of its metrics' names", pattern=WORD, required=True, example="mcu"
    )
    port: str = setting(
        "",
        "device, best /dev/serial/by-id/..., or usb:VID:PID[:SERIAL]",
        pattern=r"/.+|usb:.+",
        required=True,
        example="/dev/serial/by-id/usb-Arduino_Uno-if00",
    )
    protocol: str = setting("link", "what it speaks", choices=PROTOCOLS, example="link")
    baud: int = setting(115_200, "bits per second", low=50, high=4_000_000)
    parity: str = setting("none", "parity bit", choices=("none", "even", "odd"))
    stop_bits: int = setting(1, "stop bits", low=1, high=2)
    dtr: str = setting(
        "driver", "at opening; most Arduinos are reset by it", choices=("driver", "on", "off")
    )
    rs485: bool = setting(default=False, help_text="true: RTS switches the sender of a pair")
    every_s: float = setting(
        0.0, "at most one value per metric in so many seconds; 0: all", low=0.0, high=86_400.0
    )
    commands: tuple[str, ...] = setting((), "names that the command bridge may pass on")
    framing: str = setting(
        "lines", "how text is cut into messages", choices=("lines", "slip", "cobs")
    )
    max_line_bytes: int = setting(1024, "what is longer is dropped", low=16, high=65_536)
    units: tuple[str, ...] = setting((), 'units of text metrics, as "temperature=Cel"')
    clock_field: str = setting("", "text field that is the device's own milliseconds")
    command_line: str = setting("", "text of a command; empty: takes none", example="{name} {args}")
    delimiter: str = setting(",", "between the columns of csv", pattern=r".")
    columns: tuple[str, ...] = setting(
        (), "names of the columns of csv; empty: a header line comes"
    )
    pattern: str = setting("", "regular expression with named groups", check=regex_fault)
    names: tuple[str, ...] = setting((), "names for bare numbers of println, in their order")
    device: int = setting(1, "Modbus address", low=1, high=247)
    period_s: float = setting(10.0, "seconds between Modbus readings", low=0.01, high=86_400.0)
    answer_s: float = setting(0.5, "patience for a Modbus answer", low=0.02, high=10.0)
    registers: tuple[RegisterSettings, ...] = setting(
        (), "Modbus values, as tables [[serial.registers]]"
    )
    flash: FlashSettings = setting(FlashSettings, "how its firmware is written")

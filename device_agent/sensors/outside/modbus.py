"""A number in a Modbus TCP device."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from device_agent.errors import SensorError
from device_agent.sensor_settings import ModbusSettings
from device_agent.sensors.outside.found_number import description
from device_agent.sensors.port import AnySource, Around, Source, Value

_REGISTERS: Final = {"uint16": 1, "int16": 1, "uint32": 2, "int32": 2, "float32": 2, "uint64": 4, "int64": 4, "float64": 4}  # fmt: skip
_BITS: Final = ("coil", "discrete")


def sources(settings: ModbusSettings, _around: Around) -> list[AnySource]:
    """Read one number, times its scale.

    The connection is made for each reading: many devices take only one, and it must not be ours.
    """

    def read() -> Value:
        client = _make_client(settings)
        try:
            if not client.connect():
                raise SensorError(f"{settings.host} takes no connection")
            return _ask(client, settings)
        finally:
            client.close()

    row = description(settings, "modbus")
    return [Source(settings.name, settings.period_s, read, (row,), settings.timeout_s * 2 + 2)]


def _ask(client: Any, wanted: ModbusSettings) -> Value:
    asks: dict[str, Callable[..., Any]] = {
        "holding": client.read_holding_registers,
        "input": client.read_input_registers,
        "coil": client.read_coils,
        "discrete": client.read_discrete_inputs,
    }
    count = 1 if wanted.table in _BITS else _REGISTERS[wanted.type]
    answer = asks[wanted.table](wanted.address, count=count, device_id=wanted.unit_id)
    if answer.isError():
        raise SensorError(f"the device refuses: {answer}")
    if wanted.table in _BITS:
        return bool(answer.bits[0])
    return number_of(answer.registers, wanted.type, wanted.word_order)


def number_of(registers: Sequence[int], kind: str, word_order: str) -> float:
    """Make one number of 16-bit registers.

    >>> number_of([0xFFFF, 0xFFFE], "int32", "big")
    -2.0
    """
    import struct  # noqa: PLC0415 - only here

    if len(registers) != _REGISTERS[kind]:
        raise SensorError(f"{len(registers)} registers where {_REGISTERS[kind]} were asked for")
    ordered = registers if word_order == "big" else registers[::-1]
    codes = {"uint16": "H", "int16": "h", "uint32": "I", "int32": "i", "float32": "f", "uint64": "Q", "int64": "q", "float64": "d"}  # fmt: skip
    raw = struct.pack(f">{len(ordered)}H", *ordered)
    return float(struct.unpack(f">{codes[kind]}", raw)[0])


def _make_client(settings: ModbusSettings) -> Any:
    import importlib  # noqa: PLC0415 - an extra, loaded where it is configured

    try:
        client = importlib.import_module("pymodbus.client")
    except ImportError:
        raise SensorError("pymodbus is not installed: pip install 'forewarn[modbus]'") from None
    return client.ModbusTcpClient(
        settings.host, port=settings.port, timeout=settings.timeout_s, retries=0
    )

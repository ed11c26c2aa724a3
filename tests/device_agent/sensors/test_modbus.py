"""Modbus TCP against pymodbus's own server on this machine."""

import asyncio
import socket
import struct
import threading

import pytest

pytest.importorskip("pymodbus", reason="the extra modbus is not installed")

from pymodbus.datastore import ModbusDeviceContext, ModbusSequentialDataBlock, ModbusServerContext
from pymodbus.server import ModbusTcpServer

from device_agent.errors import SensorError
from device_agent.sensor_settings import ModbusSettings
from device_agent.sensors.outside import modbus
from device_agent.sensors.outside.modbus import number_of


def registers(code, number):
    raw = struct.pack(f">{code}", number)
    return list(struct.unpack(f">{len(raw) // 2}H", raw))


HOLDING = [*registers("h", -5), *registers("f", 21.5), *registers("i", -70000), *registers("d", 1e-3), *registers("Q", 2**40)]  # fmt: skip


class Server:
    """Runs in a thread of its own, with a loop of its own."""

    def __init__(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.ready = threading.Event()
        self.thread = threading.Thread(target=lambda: asyncio.run(self.serve()))
        self.thread.start()
        assert self.ready.wait(20)

    async def serve(self):
        self.loop = asyncio.get_running_loop()
        device = ModbusDeviceContext(
            hr=ModbusSequentialDataBlock(1, HOLDING),
            ir=ModbusSequentialDataBlock(1, [7]),
            co=ModbusSequentialDataBlock(1, [True]),
            di=ModbusSequentialDataBlock(1, [False]),
        )
        context = ModbusServerContext(devices={3: device}, single=False)
        self.server = ModbusTcpServer(context, address=("127.0.0.1", self.port))
        await self.server.serve_forever(background=True)
        self.ready.set()
        self.ended = asyncio.Event()
        await self.ended.wait()
        await self.server.shutdown()

    def stop(self):
        self.loop.call_soon_threadsafe(self.ended.set)
        self.thread.join()


@pytest.fixture(scope="module")
def server():
    made = Server()
    yield made
    made.stop()


def sources(machine, port, **how):
    settings = ModbusSettings(
        name="m", host="127.0.0.1", port=port, unit_id=3, timeout_s=1.0, **how
    )
    return modbus.sources(settings, machine.around)


@pytest.mark.parametrize(
    ("how", "value"),
    [
        ({"address": 0, "type": "int16"}, -5.0),
        ({"address": 0, "type": "uint16", "scale": 0.5}, 65531 / 2),
        ({"address": 1, "type": "float32"}, 21.5),
        ({"address": 3, "type": "int32"}, -70000.0),
        ({"address": 5, "type": "float64"}, 1e-3),
        ({"address": 9, "type": "uint64"}, 2.0**40),
        ({"table": "input"}, 7.0),
        ({"table": "coil"}, True),
        ({"table": "discrete"}, False),
    ],
)
def test_a_number_is_read(machine, server, how, value):
    assert machine.values(sources(machine, server.port, **how)) == {"m": value}


def test_a_device_that_refuses_is_stale_and_asked_again(machine, server):
    (source,) = sources(machine, server.port, address=5000)
    assert "refuses" in machine.faults([source])["m"]
    assert "refuses" in machine.faults([source])["m"]


def test_nobody_there_is_told(machine):
    assert "takes no connection" in machine.faults(sources(machine, 1))["m"]


def test_words_in_the_other_order():
    assert number_of([0x0000, 0x41AC], "float32", "little") == 21.5
    with pytest.raises(SensorError, match="1 registers where 2"):
        number_of([1], "uint32", "big")

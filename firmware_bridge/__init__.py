r"""Bytes of a microcontroller ⇄ typed readings and commands.

Sans-IO protocols (``build``, ``HostLink``), a guesser of what speaks on a line (``guess``), and a driver that owns a line in a
thread of its own (``Driver`` over a ``MemoryLine``, or over a real port from ``firmware_bridge.transport.serial_port``, which alone
needs pyserial). Not here: what readings mean, where they go, MQTT.

>>> [reading] = build("key_value").receive(b"temp=21.5 C\n", 1000.0)[-1]
>>> reading.name, reading.value, reading.unit
('temp', 21.5, 'Cel')
"""

from firmware_bridge.detect import BAUDS, Guess, guess, survey
from firmware_bridge.errors import (
    BridgeError,
    CommandRefused,
    PortBusy,
    PortDenied,
    PortError,
    PortGone,
    PortMissing,
    SettingsError,
)
from firmware_bridge.framing.tally import Tally
from firmware_bridge.link.host import HostLink
from firmware_bridge.link.settings import LinkSettings
from firmware_bridge.messages.events import (
    Announced,
    CommandEnded,
    Event,
    LinkDown,
    LinkUp,
    McuEvent,
    McuReset,
    MetricInfo,
    Outcome,
)
from firmware_bridge.messages.readings import Reading, Readings, Value
from firmware_bridge.protocols.catalogue import PROTOCOLS, build
from firmware_bridge.protocols.port import Protocol
from firmware_bridge.transport.driver import Driver, DriverEvent, PortClosed, PortOpened
from firmware_bridge.transport.identity import Found, Roots, list_ports
from firmware_bridge.transport.memory import MemoryLine
from firmware_bridge.transport.port import Transport

__all__ = [
    "BAUDS",
    "PROTOCOLS",
    "Announced",
    "BridgeError",
    "CommandEnded",
    "CommandRefused",
    "Driver",
    "DriverEvent",
    "Event",
    "Found",
    "Guess",
    "HostLink",
    "LinkDown",
    "LinkSettings",
    "LinkUp",
    "McuEvent",
    "McuReset",
    "MemoryLine",
    "MetricInfo",
    "Outcome",
    "PortBusy",
    "PortClosed",
    "PortDenied",
    "PortError",
    "PortGone",
    "PortMissing",
    "PortOpened",
    "Protocol",
    "Reading",
    "Readings",
    "Roots",
    "SettingsError",
    "Tally",
    "Transport",
    "Value",
    "build",
    "guess",
    "list_ports",
    "survey",
]

"""The command line below ``forewarn-agent bridge``; what it does is loaded only when it is asked for."""

import argparse
from pathlib import Path


def add_bridge(parser: argparse.ArgumentParser) -> None:
    """Declare ``bridge ports`` and ``bridge detect``."""
    below = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    ports = below.add_parser("ports", help="list the serial ports, each with a name that stays")
    ports.set_defaults(act=_ports)
    detect = below.add_parser(
        "detect", help="listen on a port, guess baud rate and protocol, write the configuration"
    )
    detect.add_argument("--port", required=True, help="device, or usb:VID:PID[:SERIAL]")
    detect.add_argument("--baud", type=int, action="append", help="only this rate; repeatable")
    detect.add_argument("--seconds", type=float, default=3.0, help="for each rate (%(default)s)")
    detect.add_argument("--name", default="mcu", help="first part of its metrics (%(default)s)")
    detect.add_argument(
        "--append", type=Path, metavar="FILE", help="add the table to this configuration"
    )
    detect.set_defaults(act=_detect)


def _ports(_arguments: argparse.Namespace) -> int:
    from device_agent.bridge.cli import show_ports  # noqa: PLC0415 - see above

    return show_ports()


def _detect(arguments: argparse.Namespace) -> int:
    from device_agent.bridge.cli import detect  # noqa: PLC0415 - see above

    return detect(arguments)

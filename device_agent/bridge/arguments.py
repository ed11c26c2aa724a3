"""The command line below ``forewarn-agent bridge``; what it does is loaded only when it is asked for."""

import argparse
from collections.abc import Callable
from pathlib import Path


def add_bridge(
    parser: argparse.ArgumentParser,
    config: argparse.ArgumentParser,
    flash_act: Callable[[argparse.Namespace], int],
) -> None:
    """Declare ``bridge ports``, ``detect`` and ``flash``; ``config`` has the option ``--config``."""
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
    flash = below.add_parser(
        "flash",
        parents=[config],
        help="write new firmware, as [serial.flash] says; the agent must not run meanwhile",
        description="Checks the image and the hardware, keeps the old firmware where that is the way back, writes, "
        "compares, starts it and listens whether it speaks. Exit status: 0 it runs; 1 it does not, the text says what does.",
    )
    flash.add_argument("image", type=Path, nargs="?", metavar="IMAGE", help="the file to write")
    flash.add_argument("--name", default="", help="which [[serial]], where several can be written")
    flash.add_argument("--sha256", default="", metavar="H", help="refuse any other image")
    flash.add_argument(
        "--version", default="", metavar="V", help="what the new firmware must say that it is"
    )
    flash.add_argument(
        "--check", action="store_true", help="check image and hardware, write nothing"
    )
    flash.add_argument(
        "--resume", action="store_true", help="go on with an update that was cut off"
    )
    flash.set_defaults(act=flash_act)


def _ports(_arguments: argparse.Namespace) -> int:
    from device_agent.bridge.cli import show_ports  # noqa: PLC0415 - see above

    return show_ports()


def _detect(arguments: argparse.Namespace) -> int:
    from device_agent.bridge.cli import detect  # noqa: PLC0415 - see above

    return detect(arguments)

"""`forewarn demo`."""


from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from server.cli.options import DataDir, HttpPort, MqttPort

_DEFAULT_DIR: Final = Path("forewarn-demo")


def demo(
    data_dir: DataDir = None,
    http_port: HttpPort = None,
    mqtt_port: MqttPort = None,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the pages when they are there.")
    ] = True,
) -> None:
    """Run everything, and a living fleet: twelve simulated machines and this computer's own agent.

    The fleet comes with two weeks of history. State lies in forewarn-demo unless told otherwise;
    started again, it goes on where it was.
    """

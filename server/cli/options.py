"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        help="Where all state lies; default: forewarn-data, or FOREWARN_DATA_DIR.",
        show_default=False,
    ),
]
HttpPort = Annotated[
    int | None,
    typer.Option(
        "--http-port",
        min=0,
        max=65535,
        help="Port of the web pages; default 8080, 0 takes a free one.",
        show_default=False,
    ),
]
MqttPort = Annotated[
    int | None,
    typer.Option(
        "--mqtt-port",
        min=0,
        max=65535,
        help="Port of the broker; default 1883, 0 takes a free one.",
        show_default=False,
    ),
]
Host = Annotated[
    str | None,
    typer.Option("--host", help="Address to listen on; default 127.0.0.1.", show_default=False),
]

MQTT_DEFAULT_PORT: Final = 1883

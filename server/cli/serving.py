"""`forewarn up`."""
# ruff: noqa: PLC0415 - imported when the command runs

from __future__ import annotations

from typing import Annotated

import typer

from server.cli.options import DataDir, Host, HttpPort, MqttPort


def up(
    data_dir: DataDir = None,
    http_port: HttpPort = None,
    mqtt_port: MqttPort = None,
    host: Host = None,
    development: Annotated[
        bool | None, typer.Option("--development", help="Adds /styleguide.", show_default=False)
    ] = None,
) -> None:
    """Run everything in one process, with its own broker, until stopped."""
    from server.app import ServerAddress, serve
    from server.cli.running import run_until_stopped
    from server.kit.logs import configure
    from server.kit.settings import load

    settings = load(
        data_dir=data_dir,
        http_port=http_port,
        mqtt_port=mqtt_port,
        host=host,
        development=development,
    )
    configure(settings.log_level)

    def ready(address: ServerAddress) -> None:
        print(f"ready http={address.http_url} mqtt={address.mqtt_url}", flush=True)

    run_until_stopped(lambda stop: serve(settings, stop=stop, on_ready=ready))

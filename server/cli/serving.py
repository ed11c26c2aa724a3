"""`forewarn up`, and its parts as processes of their own: `forewarn serve web|pipeline`."""
# ruff: noqa: PLC0415 - imported when the command runs

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Protocol

import typer

from server.cli.options import DataDir, Host, HttpPort, MqttPort

if TYPE_CHECKING:
    import asyncio

    from server.app.standing import OnReady
    from server.kit.settings import Settings

roles = typer.Typer(
    help="Run one role, for installations of several machines.", no_args_is_help=True
)


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


@roles.command("web")
def web(data_dir: DataDir = None, http_port: HttpPort = None, host: Host = None) -> None:
    """Run pages and API; as many of these as wanted, behind a load balancer.

    Needs database_url (PostgreSQL), telemetry_url and nats_url, and the keys that `forewarn setup nats`
    wrote (nats_keys). See docs/how-to/run-on-several-machines.md.
    """
    from server.app.web_role import serve_web_role

    _serve_role(serve_web_role, data_dir, http_port, host)


@roles.command("pipeline")
def pipeline(data_dir: DataDir = None, http_port: HttpPort = None, host: Host = None) -> None:
    """Run a worker that takes its share of the devices; the others take over when it is gone.

    Its HTTP port answers /healthz, /readyz and /metrics only. Needs what `serve web` needs.
    """
    from server.app.pipeline_role import serve_pipeline_role

    _serve_role(serve_pipeline_role, data_dir, http_port, host)


class _Role(Protocol):
    async def __call__(
        self, settings: Settings, *, stop: asyncio.Event, on_ready: OnReady | None = None
    ) -> None: ...


def _serve_role(
    role: _Role, data_dir: Path | None, http_port: int | None, host: str | None
) -> None:
    from server.cli.running import run_until_stopped
    from server.kit.logs import configure
    from server.kit.settings import load

    settings = load(data_dir=data_dir, http_port=http_port, host=host)
    configure(settings.log_level)

    def ready(url: str) -> None:
        print(f"ready http={url}", flush=True)

    run_until_stopped(lambda stop: role(settings, stop=stop, on_ready=ready))

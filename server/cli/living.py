"""`forewarn demo`."""
# ruff: noqa: PLC0415 - imported when the command runs

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from server.cli.options import DataDir, Host, HttpPort, MqttPort

if TYPE_CHECKING:
    from server.demo.cast import Cast

_DEFAULT_DIR: Final = Path("forewarn-demo")


def demo(
    data_dir: DataDir = None,
    http_port: HttpPort = None,
    mqtt_port: MqttPort = None,
    host: Host = None,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the pages when they are there.")
    ] = True,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Another number, another fleet.")] = 7,
) -> None:
    """Run everything, and a living fleet: twelve simulated machines and this computer's own agent.

    The fleet comes with two weeks of history. State lies in forewarn-demo unless told otherwise;
    started again, it goes on where it was.
    """
    import threading
    import webbrowser

    from server.app import ServerAddress
    from server.cli.running import run_until_stopped
    from server.cli.state import opened_records
    from server.demo.cast import Cast
    from server.demo.plan import Loaded
    from server.demo.show import CAST_FILE, run_demo
    from server.kit.clock import SystemClock
    from server.kit.logs import configure
    from server.kit.settings import load

    if data_dir is None and "FOREWARN_DATA_DIR" not in os.environ:
        data_dir = _DEFAULT_DIR
    settings = load(data_dir=data_dir, http_port=http_port, mqtt_port=mqtt_port, host=host)
    configure("warning" if settings.log_level == "info" else settings.log_level)
    clock = SystemClock()
    with opened_records(settings) as records:
        cast = Cast.load(settings.data_dir / CAST_FILE, seed=seed)
        with records.transaction() as session:
            cast.settle(session, now=clock.now())
            cast.save(settings.data_dir / CAST_FILE)

        def ready(address: ServerAddress) -> None:
            print(f"ready http={address.http_url} mqtt={address.mqtt_url}", flush=True)
            _show_sign_ins(cast, address.http_url)
            if browser:
                # In a thread: some browsers answer only when they are closed.
                opening = threading.Thread(target=webbrowser.open, args=[address.http_url])
                opening.daemon = True
                opening.start()

        def loaded(loaded: Loaded | None) -> None:
            if loaded is None:
                typer.secho("the fleet's process ended; the server goes on", fg="red", err=True)
            elif loaded.samples:
                typer.echo(
                    f"{loaded.samples:,} samples in {loaded.packs:,} packs are with the broker after "
                    f"{loaded.seconds:.0f} s; from now on it is live. Ctrl-C ends it.",
                    err=True,
                )

        run_until_stopped(
            lambda stop: run_demo(
                settings, cast, records, clock, stop, on_ready=ready, on_loaded=loaded
            )
        )


def _show_sign_ins(cast: Cast, url: str) -> None:
    from server.demo.cast import PEOPLE

    typer.echo(f"\nOpen {url} and sign in; the password is the same for all: {cast.password}\n")
    for person in PEOPLE:
        if person.signs_in:
            note = f" ({person.language})" if person.language else ""
            typer.echo(f"  {person.role.value:<11} {person.email:<22} {person.name}{note}")
    typer.echo()

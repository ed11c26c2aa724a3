"""The table of commands, and what becomes of their errors: one line on standard error, exit code 2."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from server.cli import (
    benching,
    checking,
    devices,
    firmware,
    fleet_models,
    foreseeing,
    keeping,
    living,
    node_setup,
    people,
    playing,
    scoring,
    serving,
    setting_up,
    tuning,
)
from server.cli.plain_text import one_line
from server.kit.errors import ForewarnError

_OURS = {"anomaly", "device_agent", "field_service", "server"}


class Program(TyperGroup):
    """Turns expected errors of any command into a sentence."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except ForewarnError as error:
            fail(error.message)
        except ModuleNotFoundError as error:
            if (error.name or "").split(".")[0] in _OURS:
                raise
            fail(f"{error.name} is not installed: pip install 'forewarn[server]'")
        except Exception as error:
            # The library is not imported for this: if it raised, it is there already.
            library = sys.modules.get("anomaly.errors")
            if library is None or not isinstance(error, library.AnomalyError):
                raise
            fail(one_line(str(error)))


def fail(message: str) -> None:
    """Say what is wrong and end with 2."""
    typer.secho(f"forewarn: {message}", fg="red", err=True)
    raise typer.Exit(2)


app = typer.Typer(
    cls=Program,
    name="forewarn",
    help="Proactive support for connected devices.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version  # noqa: PLC0415 - rarely wanted

        print(f"forewarn {version('forewarn')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show it and leave.")
    ] = False,
) -> None:
    """Proactive support for connected devices.

    Every option is also a FOREWARN_… variable and a line of forewarn.toml in the data directory.
    """


app.command("up")(serving.up)
app.command("demo")(living.demo)
app.add_typer(serving.roles, name="serve")
app.add_typer(people.user, name="user")
app.add_typer(people.token, name="token")
app.add_typer(devices.device, name="device")
app.add_typer(firmware.firmware, name="firmware")
app.command("replay")(playing.replay)
app.command("score")(scoring.score)
app.add_typer(scoring.life, name="life")
app.add_typer(foreseeing.failure, name="failure")
foreseeing.model.command("train")(fleet_models.train)
foreseeing.model.command("versions")(fleet_models.versions)
foreseeing.model.command("use")(fleet_models.use)
app.add_typer(foreseeing.model, name="model")
app.add_typer(benching.bench, name="bench")
setting_up.setup.command("nats")(node_setup.nats)
app.add_typer(setting_up.setup, name="setup")
app.add_typer(tuning.tune, name="tune")
app.command("backup")(keeping.backup)
app.command("restore")(keeping.restore)
app.command("export")(keeping.export)
app.command("doctor")(checking.doctor)

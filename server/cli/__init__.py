"""`forewarn`, the server's command line. `program.py` lists the commands, each file beside it has some.

Commands import what they need when they run: `forewarn --help` must answer at once.
"""

from __future__ import annotations

import logging
import os
import sys


def main() -> None:
    """Entry point of the console script."""
    try:
        from server.cli.program import app  # noqa: PLC0415 - typer may be missing
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] == "server":
            raise
        sys.exit("forewarn: the server's parts are not installed: pip install 'forewarn[server]'")
    try:
        app()
    finally:
        _leave(sys.exc_info()[1])


def _leave(ended: BaseException | None) -> None:
    """End at once where DuckDB was used and all went its way: everything is closed and written by now.

    Taken down in the usual manner, the interpreter leaves alive what cancelled tasks of the broker's client hold,
    and DuckDB's binding reports each of its objects among that on the terminal, some forty lines.
    """
    if "_duckdb" not in sys.modules or not isinstance(ended, SystemExit):
        return
    if ended.code is not None and not isinstance(ended.code, int):
        return  # a message, which the interpreter prints
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            return
    os._exit(ended.code or 0)

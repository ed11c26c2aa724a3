"""`forewarn`, the server's command line. `program.py` lists the commands, each file beside it has some.

Commands import what they need when they run: `forewarn --help` must answer at once.
"""

from __future__ import annotations

import sys


def main() -> None:
    """Entry point of the console script."""
    try:
        from server.cli.program import app  # noqa: PLC0415 - typer may be missing
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] == "server":
            raise
        sys.exit("forewarn: the server's parts are not installed: pip install 'forewarn[server]'")
    app()

"""Every table of the server, found by its place: `server/<feature>/model.py`."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import server
from server.kit import events as _outbox  # noqa: F401 - the kit's own tables


def import_all() -> None:
    """Import all features' models, and nothing else, so that `Base.metadata` is complete."""
    import_module("server.kit.leases")
    for root in server.__path__:
        for file in sorted(Path(root).glob("*/model.py")):
            import_module(f"server.{file.parent.name}.model")

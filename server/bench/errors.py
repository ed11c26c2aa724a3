"""What can be wrong with a load that was asked for."""

from __future__ import annotations

from server.kit.errors import ForewarnError


class BenchError(ForewarnError):
    """The load can't be made as asked; the message says why."""

"""What can go wrong in a replay, in words for the person who started it."""

from __future__ import annotations

from server.kit.errors import ForewarnError


class ReplayError(ForewarnError):
    """The file or the connection is not fit; `line` is the file's line (from 1), where there is one."""

    status = 422
    title = "Can't replay"

    def __init__(self, message: str, *, line: int | None = None) -> None:
        super().__init__(message if line is None else f"line {line}: {message}")
        self.line = line

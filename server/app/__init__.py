"""The composition root: which parts make a running server, and in which order they start and stop."""

from server.app.runtime import ServerAddress, serve

__all__ = ["ServerAddress", "serve"]

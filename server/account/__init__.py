"""People: who they are, how they prove it, what they may see. It knows nothing of devices."""

from server.account.viewer import Role, Viewer

__all__ = ["Role", "Viewer"]

"""The devices: who they are, who owns them, whether they are online, what happened to them."""

"""Read-only views across the stages: how a device does, what happened to it, how well we did."""

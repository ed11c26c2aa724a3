"""Python's garbage collector, set for a process in which hundreds of thousands of numbers pass.

A batch of messages is a few thousand lists for some milliseconds, all freed by reference counting; the
collector finds nothing, and looked through them seventy times a batch by default: a quarter of the
pipeline's time. What was there at the start stays and need not be looked through at all.
"""

from __future__ import annotations

import gc
from typing import Final

_NEW_OBJECTS: Final = 20_000
"""A look at the youngest after so many; the default is 700."""


def settle() -> None:
    """Called once everything has started."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS, 10, 10)

"""Messages on their way: kept until the broker has acknowledged them."""

from device_agent.spool.memory import MemorySpool
from device_agent.spool.port import Depth, Dropped, Entry, Spool
from device_agent.spool.sqlite import SqliteSpool, read_depth

__all__ = ["Depth", "Dropped", "Entry", "MemorySpool", "Spool", "SqliteSpool", "read_depth"]

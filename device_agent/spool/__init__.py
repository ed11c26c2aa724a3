"""Messages on their way: kept until the broker has acknowledged them."""

from device_agent.spool.files import read_depth
from device_agent.spool.memory import MemorySpool
from device_agent.spool.opening import open_spool
from device_agent.spool.port import Depth, Dropped, Entry, Lane, Spool
from device_agent.spool.sqlite import SqliteSpool

__all__ = [
    "Depth",
    "Dropped",
    "Entry",
    "Lane",
    "MemorySpool",
    "Spool",
    "SqliteSpool",
    "open_spool",
    "read_depth",
]

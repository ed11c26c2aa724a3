"""Any CSV as a device's telemetry: read (`table`), turned into packs (`player`), sent (`publisher`).

It is a device like any other: it speaks MQTT to a broker and knows nothing of the server's insides.
"""

from server.replay.errors import ReplayError
from server.replay.inspection import TableOptions, open_table
from server.replay.player import Playback, Report, play
from server.replay.publisher import Publisher
from server.replay.table import Table

__all__ = [
    "Playback",
    "Publisher",
    "ReplayError",
    "Report",
    "Table",
    "TableOptions",
    "open_table",
    "play",
]

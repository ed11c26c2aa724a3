"""Which spool an agent gets: on disk where that is possible, in memory where the disk can't be written."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from device_agent.delivery_settings import SpoolSettings
from device_agent.errors import SpoolError
from device_agent.spool.memory import MemorySpool
from device_agent.spool.port import Spool
from device_agent.spool.sqlite import SqliteSpool

_MEMORY_QUOTA_BYTES: Final = 4_000_000


def open_spool(
    settings: SpoolSettings,
    *,
    monotonic: Callable[[], float],
    environment: Mapping[str, str] = os.environ,
) -> tuple[Spool, str]:
    """Give the spool, and why it is not the one on disk (empty: it is).

    A card that fails turns read-only, and just then the server should hear of the device. Raises
    SpoolError where another agent, or a newer version, has the directory.
    """
    ram = settings.ram_directory or environment.get("RUNTIME_DIRECTORY", "").split(":")[0]
    young = Path(ram) if ram and os.access(ram, os.W_OK) else None
    try:
        spool = SqliteSpool(
            Path(settings.directory),
            settings.quota_bytes,
            # Without a RAM disk, what is young would die with the process.
            flush_s=settings.flush_s if young else 0.0,
            young_directory=young,
            monotonic=monotonic,
        )
    except SpoolError as error:
        if error.is_final:
            raise
        return MemorySpool(min(settings.quota_bytes, _MEMORY_QUOTA_BYTES)), str(error)
    return spool, ""
